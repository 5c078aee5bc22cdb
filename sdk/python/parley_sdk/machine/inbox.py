"""Brings entries into order: each once, by seq, gaps closed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from parley.conversation.v1 import conversation_pb2
from parley.message.v1 import entry_pb2
from parley_sdk.events import HistorySkipped
from parley_sdk.machine.actions import Action, Delivery, ForgetPlace, KeepPlace, Notify
from parley_sdk.machine.limits import Limits
from parley_sdk.machine.places import Place, Places

PULL_POSITIONS: Final = 500
_SLOWEST_PULL: Final = 5.0


@dataclass(slots=True)
class Gap:
    """The device knows that a conversation goes on up to `head` and does not have all of it."""

    head: int
    due: float
    """When to pull what is missing."""
    tries: int = 0


class Inbox:
    """Entries that arrived, held back until all before them did."""

    def __init__(self, places: Places, limits: Limits, emit: Callable[[Action], None]) -> None:
        self.gaps: dict[str, Gap] = {}
        self.entry_at = float("-inf")
        """When an entry last came."""
        self._places = places
        self._limits = limits
        self._emit = emit
        self._held: dict[str, dict[int, Delivery]] = {}
        self._held_count = 0
        self._untaken = 0

    @property
    def has_room(self) -> bool:
        """The app keeps up well enough to fetch more for it."""
        return self._untaken < self._limits.queue // 2

    def offer(self, entry: entry_pb2.Entry, stream: int, now: float) -> bool:
        """Take an entry in. False: it is known already or there is no room for it now, and it will not be `taken`."""
        self.entry_at = now
        place = self._places.get(entry.conversation_id)
        patience = self._limits.gap_patience if place else 0.0
        place = place or self.enter(entry.conversation_id, entry.seq - 1)
        held = self._held.get(entry.conversation_id, {})
        if entry.seq <= place.seq or entry.seq in held:
            return False
        if self._untaken + self._held_count >= self._limits.queue:
            self.note_head(place, entry.seq, now)
            return False
        self._hold(Delivery(entry, place, stream))
        self._hand_over(place)
        self.note_head(place, entry.seq, now + patience)
        return True

    def expect(self, conversation_id: str, seq: int, now: float) -> None:
        """Note that there is an entry at this place that nobody will push: it is pulled."""
        place = self._places.get(conversation_id) or self.enter(conversation_id, seq - 1)
        self.note_head(place, seq, now)

    def taken(self, delivery: Delivery) -> bool:
        """Note that the app has dealt with an entry. False: its conversation was reset since."""
        self._untaken -= 1
        place = delivery.place
        if self._places.get(place.conversation_id) is not place:
            return False
        place.pending -= 1
        place.handed = delivery.entry.seq if place.pending else place.seq
        self._keep(place)
        return True

    def enter(self, conversation_id: str, head: int) -> Place:
        """Begin to know a conversation that has reached `head`."""
        place = self._places.enter(conversation_id, max(0, head - self._limits.backlog))
        self._keep(place)
        return place

    def forget(self, conversation_id: str) -> int:
        """Know nothing of a conversation any more; return how many held entries of a stream went with it."""
        self._places.forget(conversation_id)
        self.gaps.pop(conversation_id, None)
        held = self._held.pop(conversation_id, {})
        self._held_count -= len(held)
        self._emit(ForgetPlace(conversation_id))
        return sum(1 for delivery in held.values() if delivery.stream)

    def note_head(self, place: Place, head: int, due: float) -> None:
        """Note that the conversation goes on up to `head`: what is missing is pulled at `due`."""
        if head <= place.seq:
            return
        gap = self.gaps.setdefault(place.conversation_id, Gap(head, due))
        gap.head = max(gap.head, head)
        if gap.tries == 0:
            gap.due = min(gap.due, due)

    def note_first(self, place: Place, first_seq: int) -> None:
        """Note that entries before `first_seq` do not come."""
        if first_seq <= place.seq + 1:
            return
        if place.seq:
            self._emit(Notify(HistorySkipped(place.conversation_id, first_seq)))
        self._close_gap(place, first_seq - 1)

    def to_pull(self, now: float) -> tuple[conversation_pb2.Position, ...]:
        """Return from where to pull now; nothing while the app is behind."""
        if not self.has_room:
            return ()
        due = [conversation_id for conversation_id, gap in self.gaps.items() if gap.due <= now]
        places = (self._places.get(conversation_id) for conversation_id in due[:PULL_POSITIONS])
        return tuple(place.position() for place in places if place)

    def next_pull_at(self) -> float | None:
        """Return when something is to be pulled next."""
        if not self.gaps or not self.has_room:
            return None
        return min(gap.due for gap in self.gaps.values())

    def fill(self, place: Place, entries: Iterable[entry_pb2.Entry], up_to: int) -> None:
        """Take in what the log holds up to `up_to`. What is not among it does not exist for the user."""
        for entry in entries:
            if entry.seq > place.seq and entry.seq not in self._held.get(place.conversation_id, {}):
                self._hold(Delivery(entry, place, 0))
        self._close_gap(place, up_to)

    def pulled(self, place: Place, now: float, *, more: bool) -> None:
        """Note that a pull was answered; `more` says that it has to go on."""
        gap = self.gaps.get(place.conversation_id)
        if gap is None:
            return
        if more:
            gap.due, gap.tries = now, 0
        elif place.conversation_id in self._held:
            self.put_off(place.conversation_id, now)
        else:
            del self.gaps[place.conversation_id]

    def put_off(self, conversation_id: str, now: float, delay: float = 0.0) -> None:
        """Pull a conversation again later, and later each time."""
        gap = self.gaps.get(conversation_id)
        if gap is not None:
            gap.tries += 1
            slower = min(_SLOWEST_PULL, self._limits.gap_patience * 2.0 ** min(gap.tries, 10))
            gap.due = now + max(delay, slower)

    def _hold(self, delivery: Delivery) -> None:
        held = self._held.setdefault(delivery.entry.conversation_id, {})
        held[delivery.entry.seq] = delivery
        self._held_count += 1

    def _hand_over(self, place: Place) -> None:
        held = self._held.get(place.conversation_id, {})
        while (delivery := held.get(place.seq + 1)) is not None:
            self._deliver(held, delivery)
        if not held:
            self._held.pop(place.conversation_id, None)
        gap = self.gaps.get(place.conversation_id)
        if gap is not None and place.seq >= gap.head:
            del self.gaps[place.conversation_id]

    def _deliver(self, held: dict[int, Delivery], delivery: Delivery) -> None:
        del held[delivery.entry.seq]
        self._held_count -= 1
        self._untaken += 1
        delivery.place.pending += 1
        self._places.move(delivery.place, delivery.entry.seq)
        self._emit(delivery)

    def _close_gap(self, place: Place, up_to: int) -> None:
        held = self._held.get(place.conversation_id, {})
        for seq in sorted(seq for seq in held if seq <= up_to):
            self._deliver(held, held[seq])
        if up_to > place.seq:
            self._places.move(place, up_to)
            if place.pending == 0:
                self._keep(place)
        self._hand_over(place)

    def _keep(self, place: Place) -> None:
        self._emit(KeepPlace(place.saved()))
