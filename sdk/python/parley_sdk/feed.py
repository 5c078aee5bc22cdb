"""Events on their way to the app."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable
from itertools import count

from parley_sdk.events import EntryReceived, Event
from parley_sdk.machine.actions import Delivery, Notify


class Feed(AsyncIterator[Event]):
    """A bounded queue that the app reads with `async for`. One reader.

    Entries are bounded by the state machine. Other events are coalesced by their key, and signals that come when more
    than `limit` events wait are dropped.
    """

    def __init__(self, limit: int, on_taken: Callable[[Delivery], None]) -> None:
        self.user_id = ""
        self._limit = limit
        self._on_taken = on_taken
        self._items: dict[Hashable, Event | Delivery] = {}
        self._numbers = count()
        self._changed = asyncio.Event()
        self._last: Delivery | None = None
        self._closed = False

    def __len__(self) -> int:
        return len(self._items)

    def deliver(self, delivery: Delivery) -> None:
        """Put an entry at the end."""
        self._put(next(self._numbers), delivery)

    def notify(self, notice: Notify) -> None:
        """Put an event at the end, in place of an earlier one with the same key."""
        if notice.droppable and len(self._items) >= self._limit:
            return
        key: Hashable = notice.key or next(self._numbers)
        self._items.pop(key, None)
        self._put(key, notice.event)

    def confirm(self) -> None:
        """Note that the app has dealt with the entry that it took last."""
        last, self._last = self._last, None
        if last is not None:
            self._on_taken(last)

    def clear(self) -> None:
        """Forget what waits: it belongs to a user who is logged in no more."""
        self._items.clear()
        self._last = None

    def close(self) -> None:
        """Let the reader come to its end."""
        self._closed = True
        self._changed.set()

    async def __anext__(self) -> Event:
        self.confirm()
        while not self._items:
            if self._closed:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        item = self._items.pop(next(iter(self._items)))
        if not isinstance(item, Delivery):
            return item
        self._last = item
        return EntryReceived(item.entry, own=item.entry.sender_id == self.user_id)

    def _put(self, key: Hashable, item: Event | Delivery) -> None:
        self._items[key] = item
        self._changed.set()
