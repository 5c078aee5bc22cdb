"""Room for work that others wait for: so much at a time, and so much of one owner.

Whoever asks for a lot waits for themselves first, so between two pieces of theirs everybody else has a turn.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class Turns:
    """Lets `at_once` in, `of_one` of each owner; the others wait in the order of asking."""

    def __init__(self, at_once: int, of_one: int) -> None:
        self._of_one = of_one
        self._room = asyncio.Semaphore(at_once)
        self._owners: dict[str, asyncio.Semaphore] = {}
        self._asking: dict[str, int] = {}

    def __len__(self) -> int:
        """Return how many owners have a turn or wait for one."""
        return len(self._owners)

    @asynccontextmanager
    async def of(self, owner: str) -> AsyncGenerator[None, None]:
        """Have a turn of this owner."""
        self._asking[owner] = self._asking.get(owner, 0) + 1
        try:
            async with self._owners.setdefault(owner, asyncio.Semaphore(self._of_one)), self._room:
                yield
        finally:
            self._leave(owner)

    def _leave(self, owner: str) -> None:
        self._asking[owner] -= 1
        if not self._asking[owner]:
            del self._asking[owner], self._owners[owner]
