"""Room for work that others wait for: so much at a time, and so much of one owner.

Whoever asks for a lot waits for themselves first, so between two pieces of theirs everybody else has a turn.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from mesh.limits import Shares

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class Turns:
    """Lets `of_one` of each owner in, and `at_once` of all; the others wait in the order of asking.

    `asking` is how many of one owner may wait or be inside, and `of` what they are, as whoever asks for more is told.
    """

    def __init__(
        self, *, of_one: int, at_once: int = sys.maxsize, asking: int = sys.maxsize, of: str = "calls"
    ) -> None:
        self._of_one = of_one
        self._room = asyncio.Semaphore(at_once)
        self._asking = Shares(asking, of=of)
        self._owners: dict[str, asyncio.Semaphore] = {}

    def __len__(self) -> int:
        """Return how many owners have a turn or wait for one."""
        return len(self._owners)

    @asynccontextmanager
    async def of(self, owner: str) -> AsyncGenerator[None, None]:
        """Have a turn of this owner. OVERLOADED when very many of theirs wait."""
        try:
            with self._asking.enter(owner):
                async with self._owners.setdefault(owner, asyncio.Semaphore(self._of_one)), self._room:
                    yield
        finally:
            if owner not in self._asking:
                self._owners.pop(owner, None)
