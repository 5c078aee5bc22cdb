"""The history of a group: a thousand members who see the same log, proven without a thousand copies of it.

The log is kept once, as the members together saw it. A member keeps the place of the last entry and the places that
were passed over: whoever got each place once, rising, with nothing passed over but their own sends, got the log.
Members mostly get the same bytes, so the bytes of a frame are parsed once for all of them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, NamedTuple

from bench.history import Arrival, Fault, Kind, Witness, answer_faults
from parley.message.v1.entry_pb2 import Entry

MAX_KNOWN_FRAMES: Final = 2_048
"""Frames whose bytes are remembered; then the memory starts anew."""


class Batch(NamedTuple):
    """Entries of one frame, as every member who got these bytes sees them."""

    first: int
    last: int
    whole: bool
    """The places rise by one."""
    arrivals: tuple[Arrival, ...]


@dataclass(slots=True)
class Seat:
    """What one member saw: `last` is the newest place, `passed` the ranges of places that were passed over."""

    last: int = 0
    passed: list[tuple[int, int]] = field(default_factory=list)
    behind: list[int] = field(default_factory=list)
    """Places that came when a later one was there already."""
    healed: set[int] = field(default_factory=set)
    """Places of a hole that the log closed. Each may be pushed once more: entries are queued for a device from its
    Resume on, and the log is read after that. A device knows them by their place, and ignores them."""

    def take(self, batch: Batch) -> Sequence[Arrival]:
        """Note a batch; return what was new."""
        if batch.whole and batch.first == self.last + 1:
            self.last = batch.last
            return batch.arrivals
        return [arrival for arrival in batch.arrivals if self._take_one(arrival.seq)]

    def heal(self, arrivals: Iterable[Arrival]) -> list[Arrival]:
        """Note what closes a hole: what was read from the log and what was pushed meanwhile; both may hold the same.

        Returns what was new.
        """
        fresh = [arrival for arrival in sorted(set(arrivals)) if self._is_new(arrival.seq)]
        self.healed.update(arrival.seq for arrival in fresh)
        return fresh

    def _is_new(self, seq: int) -> bool:
        """Note a place beyond all that were there before; return whether it is."""
        if seq <= self.last:
            return False
        if seq > self.last + 1:
            self.passed.append((self.last + 1, seq - 1))
        self.last = seq
        return True

    def _take_one(self, seq: int) -> bool:
        """Note a place that was pushed; return whether it is new."""
        if self._is_new(seq):
            return True
        if seq in self.healed:
            self.healed.remove(seq)
        else:
            self.behind.append(seq)
        return False


class Crowd:
    """One group: the log as its members saw it, and the seat of each of them."""

    def __init__(self, conversation_id: str, head: int) -> None:
        self.conversation_id = conversation_id
        self.head = head
        """The newest place before anything was measured."""
        self.seats: dict[str, Seat] = {}
        self.log: dict[int, Arrival] = {}
        self._contradictions: list[Arrival] = []
        self._known: dict[bytes, Batch | None] = {}

    def seat(self, user_id: str) -> Seat:
        """Return the seat of a member; they know the log up to its head."""
        return self.seats.setdefault(user_id, Seat(self.head))

    def known(self, data: bytes) -> Batch | None:
        """Return the batch of a frame that another member got, and that holds nothing else."""
        return self._known.get(data)

    def remember(self, data: bytes, batch: Batch) -> None:
        """Remember that these bytes are this batch and nothing else."""
        if len(self._known) >= MAX_KNOWN_FRAMES:
            self._known.clear()
        self._known[data] = batch

    def batch(self, entries: Iterable[Entry]) -> Batch:
        """Read entries of this group, and hold them against the log."""
        arrivals = tuple(Arrival(entry.seq, entry.sender_id, entry.client_message_id) for entry in entries)
        for arrival in arrivals:
            if self.log.setdefault(arrival.seq, arrival) != arrival:
                self._contradictions.append(arrival)
        whole = all(after.seq == before.seq + 1 for before, after in pairwise(arrivals))
        return Batch(arrivals[0].seq, arrivals[-1].seq, whole, arrivals)

    def check(self, senders: Mapping[str, Witness]) -> list[Fault]:
        """Return all that is wrong, given what each sender sent and was answered."""
        found = [*self._log_faults(senders), *self._seat_faults(senders)]
        for user_id, witness in senders.items():
            found += answer_faults(user_id, witness)
        return [Fault(kind, self.conversation_id, detail) for kind, detail in found]

    def _log_faults(self, senders: Mapping[str, Witness]) -> Iterator[tuple[Kind, str]]:
        """What was shown to anyone was sent, and stands where its sender was told."""
        sent = {user_id: set(witness.sent) for user_id, witness in senders.items()}
        acked = {user_id: dict(witness.acks) for user_id, witness in senders.items()}
        for arrival in self._contradictions:
            yield Kind.PHANTOM, f"members got different entries at one position, one of them {arrival}"
        for seq, arrival in self.log.items():
            if arrival.number not in sent.get(arrival.sender_id, ()):
                yield Kind.PHANTOM, f"members got {arrival}, which nobody sent"
            elif acked[arrival.sender_id].get(arrival.number, seq) != seq:
                yield Kind.PHANTOM, f"members got {arrival}, which was acknowledged at another position"

    def _seat_faults(self, senders: Mapping[str, Witness]) -> Iterator[tuple[Kind, str]]:
        acked = {ack.seq for witness in senders.values() for ack in witness.acks}
        known = acked | self.log.keys()
        end = max(known, default=self.head)
        for user_id, seat in self.seats.items():
            own = {ack.seq for ack in senders[user_id].acks} if user_id in senders else set()
            yield from _seat_faults(user_id, seat, end, own, known)


def _seat_faults(user_id: str, seat: Seat, end: int, own: set[int], known: set[int]) -> Iterator[tuple[Kind, str]]:
    """Each place came once and in order, but for the member's own sends, whose places are in their answers."""
    passed = set(_places([*seat.passed, (seat.last + 1, end)]))
    for seq in seat.behind:
        if seq in passed:
            passed.remove(seq)
            yield Kind.REORDERED, f"{user_id} got position {seq} after a later one"
        else:
            yield Kind.REPEATED, f"{user_id} got position {seq} again"
    for seq in sorted(passed - own):
        if seq in known:
            yield Kind.LOST, f"{user_id} never got position {seq}"
        else:
            yield Kind.GAP, f"{user_id} knows nothing of position {seq}"


def _places(ranges: Sequence[tuple[int, int]]) -> Iterator[int]:
    for first, last in ranges:
        yield from range(first, last + 1)
