"""The connections of one owner, each looked at now and then."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mesh.http2.owner import Peer

SHARES: Final = 19
"""A look at all is this many looks at some: thousands that came together, after a cut, would else be pinged in one turn
of the loop. A prime, since the hashes of objects, by which they are told apart, have factors in common."""


class Connections:
    """Calls `tick` of each connection once in `tick_s` seconds, never with 0."""

    def __init__(self, tick_s: float) -> None:
        self._pause = tick_s / SHARES
        self._shares: list[set[Peer]] = [set() for _ in range(SHARES)]
        self._count = self._next = 0
        self._empty = asyncio.Event()
        self._ticking: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Peer]:
        """Whoever is there now, whatever comes or goes meanwhile."""
        return iter([one for share in self._shares for one in share])

    def add(self, one: Peer) -> None:
        """Look at a new one too."""
        self._shares[hash(one) % SHARES].add(one)
        self._count += 1
        self._empty.clear()
        if self._pause and self._ticking is None:
            self._ticking = asyncio.get_running_loop().call_later(self._pause, self._tick)

    def discard(self, one: Peer) -> None:
        """Look no more at one, if it was there."""
        share = self._shares[hash(one) % SHARES]
        if one not in share:
            return
        share.remove(one)
        self._count -= 1
        if not self._count:
            self._rest()

    async def gone(self, seconds: float) -> None:
        """Wait until none is left, but not for longer than this."""
        if self._count:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), seconds)

    def _rest(self) -> None:
        self._empty.set()
        if self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None

    def _tick(self) -> None:
        self._ticking = asyncio.get_running_loop().call_later(self._pause, self._tick)
        self._next = (self._next + 1) % SHARES
        for one in tuple(self._shares[self._next]):
            one.tick()
