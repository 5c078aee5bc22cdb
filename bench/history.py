"""What devices sent, what was acknowledged and what arrived, and whether all of it agrees.

A run is only as good as its history: a message that was acknowledged and did not arrive, or arrived twice or in
another order, makes the run a failed one, however fast it was.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple


class Kind(StrEnum):
    """What can be wrong with a history."""

    LOST = "lost"
    REPEATED = "repeated"
    REORDERED = "reordered"
    PHANTOM = "phantom"
    GAP = "gap"
    UNANSWERED = "unanswered"
    UNTYPED = "refused without a time to retry"


class Arrival(NamedTuple):
    """An entry as a device got it. `number` is the client_message_id that its sender chose."""

    seq: int
    sender_id: str
    number: int


class Ack(NamedTuple):
    """The position at which a send was said to be durable."""

    number: int
    seq: int


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, in one conversation."""

    kind: Kind
    conversation_id: str
    detail: str


@dataclass(slots=True)
class Witness:
    """What one user saw of one conversation, in the order in which it was seen."""

    sent: list[int] = field(default_factory=list)
    acks: list[Ack] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)


Conversation = Mapping[str, Witness]
"""The members of a conversation, by user id."""


def check(histories: Mapping[str, Conversation]) -> list[Fault]:
    """Return all faults of these conversations, given by conversation id; an empty list is a good history."""
    return [
        Fault(kind, conversation_id, detail)
        for conversation_id, witnesses in histories.items()
        for kind, detail in _faults(witnesses)
    ]


class _Book:
    """What all members together know of a conversation, made once: each member is then held against it."""

    def __init__(self, witnesses: Conversation) -> None:
        self.sent = {user_id: set(witness.sent) for user_id, witness in witnesses.items()}
        self.refused = {user_id: set(witness.refused) for user_id, witness in witnesses.items()}
        self.acked = {user_id: dict(witness.acks) for user_id, witness in witnesses.items()}

    def objection(self, arrival: Arrival) -> str:
        """Why this cannot have arrived; empty when it can."""
        sender_id, number = arrival.sender_id, arrival.number
        if number not in self.sent.get(sender_id, ()):
            return "which nobody sent"
        if number in self.refused[sender_id]:
            return "which was refused"
        if self.acked[sender_id].get(number, arrival.seq) != arrival.seq:
            return "which was acknowledged at another position"
        return ""


def _faults(witnesses: Conversation) -> Iterator[tuple[Kind, str]]:
    book = _Book(witnesses)
    for user_id, witness in witnesses.items():
        yield from answer_faults(user_id, witness)
        yield from _arrival_faults(user_id, witness, book)
        yield from _missing(user_id, witness, book)


def answer_faults(user_id: str, witness: Witness) -> Iterator[tuple[Kind, str]]:
    """Each send is answered once, and the positions rise as the numbers do."""
    answers = Counter(ack.number for ack in witness.acks)
    answers.update(witness.refused)
    for number in witness.sent:
        if not answers[number]:
            yield Kind.UNANSWERED, f"{user_id} got no answer for {number}"
    for number, times in answers.items():
        if times > 1:
            yield Kind.REPEATED, f"{user_id} got {times} answers for {number}"
    by_number = sorted(set(witness.acks))
    for before, after in pairwise(by_number):
        if after.number > before.number and after.seq <= before.seq:
            yield Kind.REORDERED, f"{user_id} sent {after.number} after {before.number}, and it stands before it"


def _arrival_faults(user_id: str, witness: Witness, book: _Book) -> Iterator[tuple[Kind, str]]:
    """Whatever arrives was sent, stands where its sender was told, and arrives once and in order."""
    seen: set[Arrival] = set()
    last = 0
    for arrival in witness.arrivals:
        if arrival in seen:
            yield Kind.REPEATED, f"{user_id} got {arrival} again"
            continue
        seen.add(arrival)
        if objection := book.objection(arrival):
            yield Kind.PHANTOM, f"{user_id} got {arrival}, {objection}"
        elif arrival.seq < last:
            yield Kind.REORDERED, f"{user_id} got {arrival} after position {last}"
        last = max(last, arrival.seq)


def _missing(user_id: str, witness: Witness, book: _Book) -> Iterator[tuple[Kind, str]]:
    """Whatever was acknowledged to one arrives at all others, and no position is left out."""
    arrived = {(arrival.sender_id, arrival.number) for arrival in witness.arrivals}
    lost: set[int] = set()
    for sender_id, acked in book.acked.items():
        for number, seq in acked.items():
            if sender_id != user_id and (sender_id, number) not in arrived:
                lost.add(seq)
                yield Kind.LOST, f"{user_id} never got {number} of {sender_id} at position {seq}"
    known = {ack.seq for ack in witness.acks} | {arrival.seq for arrival in witness.arrivals} | lost
    for seq in _holes(known):
        yield Kind.GAP, f"{user_id} knows nothing of position {seq}"


def _holes(known: Iterable[int]) -> Iterator[int]:
    positions = set(known)
    if positions:
        yield from (seq for seq in range(min(positions), max(positions)) if seq not in positions)
