"""A key-value whose faults a test can choose."""

import asyncio
import copy
from collections.abc import Callable, Collection, Mapping

from mesh import errors
from mesh.clock import FakeClock
from mesh.infrastructure.memory import MemoryKeyValue


class Cache(MemoryKeyValue):
    """A cache that a test can take away, and whose reads it can count."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.away = False
        self.reads = 0
        self.touched: list[str] = []
        self.late: asyncio.Event | None = None
        """What the answer to the next swap waits for: it is written by then."""
        self.slow: asyncio.Event | None = None
        """What the next put or removal waits for before it is written."""
        self.held = asyncio.Event()
        """Set when it waits."""

    async def put(self, key: str, field: str, value: bytes, ttl_s: float) -> None:
        self._check()
        await self._slowly()
        await super().put(key, field, value, ttl_s)

    async def swap(self, key: str, field: str, expected: bytes | None, value: bytes, ttl_s: float) -> bool:
        self._check()
        await asyncio.sleep(0)  # others have their turn, as with a real one
        late, self.late = self.late, None
        swapped = await super().swap(key, field, expected, value, ttl_s)
        if late is not None:
            await late.wait()
        return swapped

    async def remove(self, key: str, field: str, expected: bytes | None = None) -> None:
        self._check()
        await self._slowly()
        await super().remove(key, field, expected)

    async def read(self, keys: Collection[str]) -> Mapping[str, Mapping[str, bytes]]:
        self._check()
        self.reads += 1
        await asyncio.sleep(0)
        return await super().read(keys)

    async def touch(self, keys: Collection[str], ttl_s: float) -> list[str]:
        self._check()
        self.touched += keys
        return await super().touch(keys, ttl_s)

    def flush(self) -> None:
        """Lose everything."""
        self._hashes.clear()
        self._ends.clear()

    def saved(self) -> Callable[[], None]:
        """Remember everything; what is returned brings it back, as a restart from an old file does."""
        state = copy.deepcopy((self._hashes, self._ends))

        def restore() -> None:
            self._hashes, self._ends = state

        return restore

    async def _slowly(self) -> None:
        slow, self.slow = self.slow, None
        if slow is not None:
            self.held.set()
            await slow.wait()

    def _check(self) -> None:
        if self.away:
            raise errors.unavailable("SERVICE_UNAVAILABLE", "the cache is away")
