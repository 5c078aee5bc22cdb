"""What waits for the reader of one subscription of a broker, whichever broker it is. Pure Python."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from mesh.broker import Lost


class Buffer:
    """Messages in their order, bounded in number and bytes: the oldest go, and the reader is told."""

    def __init__(self, capacity: int, capacity_bytes: int) -> None:
        self._capacity = capacity
        self._capacity_bytes = capacity_bytes
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._lost: int | None = None
        self._wake = asyncio.Event()

    def offer(self, payload: bytes) -> None:
        """Add a message; never waits."""
        self._waiting.append(payload)
        self._bytes += len(payload)
        while len(self._waiting) > self._capacity or self._bytes > self._capacity_bytes:
            self._take()
            self.lose(1)
        self._wake.set()

    def lose(self, count: int = 0) -> None:
        """Say that messages were lost on the way here; 0 when it is not known how many."""
        unknown = count == 0 or self._lost == 0
        self._lost = 0 if unknown else count + (self._lost or 0)
        self._wake.set()

    def _take(self) -> bytes:
        payload = self._waiting.popleft()
        self._bytes -= len(payload)
        return payload

    async def read(self) -> AsyncIterator[bytes | Lost]:
        """What is there, for ever. A loss is told before what waits: the reader heals the sooner."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting or self._lost is not None:
                if self._lost is not None:
                    lost, self._lost = self._lost, None
                    yield Lost(lost)
                if self._waiting:
                    yield self._take()
