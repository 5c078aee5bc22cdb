"""Sends without an answer, in the order in which they were made."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from parley.message.v1 import message_service_pb2
from parley_sdk.machine.limits import Limits
from parley_sdk.machine.saved import SavedSend

_SLOWEST_RETRY: Final = 10.0


@dataclass(slots=True)
class Item:
    """One send."""

    send: message_service_pb2.Send
    size: int
    sent_at: float | None = None
    """When it was last written to the present stream; None: it waits."""
    refusals: int = 0
    """How often the server asked to try again."""


class Outbox:
    """Keeps the order: what goes again goes before what was made later."""

    def __init__(self, saved: Iterable[SavedSend], limits: Limits) -> None:
        self.max_in_flight = 1
        self.retry_number = 0
        self.paused_until: float | None = None
        self._limits = limits
        self._items: dict[int, Item] = {}
        self._waiting: deque[int] = deque()
        for kept in saved:
            self.add(message_service_pb2.Send.FromString(kept.send), len(kept.send))

    def __len__(self) -> int:
        return len(self._items)

    @property
    def has_room(self) -> bool:
        """Whether one more send may be added."""
        return len(self._items) < self._limits.outbox

    def add(self, send: message_service_pb2.Send, size: int) -> None:
        """Put a new send at the end. Its number must be larger than those before."""
        self._items[send.client_message_id] = Item(send, size)
        self._waiting.append(send.client_message_id)

    def take(self, now: float) -> list[message_service_pb2.Send]:
        """Return the sends that go into the next frame; they are in flight now."""
        if self.paused_until is not None and now < self.paused_until:
            return []
        self.paused_until = None
        room = min(self._limits.frame_sends, self.max_in_flight - self.in_flight)
        taken: list[message_service_pb2.Send] = []
        size = 0
        while self._waiting and len(taken) < room:
            item = self._items[self._waiting[0]]
            size += item.size
            if taken and size > self._limits.frame_bytes:
                break
            self._waiting.popleft()
            item.sent_at = now
            taken.append(item.send)
        return taken

    def answered(self, client_message_id: int) -> message_service_pb2.Send | None:
        """Remove a send that has its answer and return it; None when it had been answered before."""
        item = self._items.pop(client_message_id, None)
        if item is None:
            return None
        if item.sent_at is None:
            self._waiting.remove(client_message_id)
        return item.send

    def refused(self, client_message_id: int, now: float, retry_after: float | None) -> int:
        """Let a send go again, not before `retry_after` seconds; return how often that happened to it (0: unknown)."""
        item = self._items.get(client_message_id)
        if item is None:
            return 0
        item.refusals += 1
        item.sent_at = None
        self._waiting = deque(number for number, kept in self._items.items() if kept.sent_at is None)
        delay = retry_after or min(_SLOWEST_RETRY, self._limits.backoff_first * 2.0 ** min(item.refusals, 10))
        self.paused_until = max(self.paused_until or 0.0, now + delay)
        return item.refusals

    def rewind(self) -> None:
        """Let all go again: the stream broke, or answers did not come."""
        for item in self._items.values():
            item.sent_at = None
        self._waiting = deque(self._items)

    def overdue_at(self) -> float | None:
        """Return when the first send in flight has waited too long for its answer."""
        first = next((item.sent_at for item in self._items.values() if item.sent_at is not None), None)
        return None if first is None else first + self._limits.answer_timeout

    @property
    def in_flight(self) -> int:
        """How many sends wait for an answer on the present stream."""
        return len(self._items) - len(self._waiting)
