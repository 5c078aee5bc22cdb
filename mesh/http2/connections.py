"""The connections of one owner, each looked at when it is time."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from math import ceil, inf
from typing import TYPE_CHECKING, Final

from mesh.clock import GRAIN_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mesh.http2.owner import Peer

SLOT_S: Final = GRAIN_S
"""Looks within this time are one turn of the loop: a timer for each connection would cost as much as the look."""

NEVER: Final = -1

STOOD_S: Final = 1.0
"""Looks that come later than this come `SLOT_S` later still: the process stood still, and what peers have sent
meanwhile is to be read first."""


class Connections:
    """Calls `look` of each connection at the time that it has said, and up to `SLOT_S` later."""

    def __init__(self) -> None:
        self._slots: dict[Peer, int] = {}
        self._due: dict[int, set[Peer]] = {}
        """Who is to be looked at in which slot."""
        self._order: list[int] = []
        """A heap of the slots."""
        self._empty = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._slots)

    def __iter__(self) -> Iterator[Peer]:
        """Whoever is there now, whatever comes or goes meanwhile."""
        return iter(list(self._slots))

    def add(self, one: Peer, when: float) -> None:
        """Look at a new one too, for the first time at `when` on the loop's clock."""
        self._empty.clear()
        self._put(one, when)
        self._wait()

    def discard(self, one: Peer) -> None:
        """Look no more at one, if it was there."""
        slot = self._slots.pop(one, None)
        if slot is None:
            return
        if slot in self._due:
            self._due[slot].discard(one)
        if not self._slots:
            self._rest()

    async def gone(self, seconds: float) -> None:
        """Wait until none is left, but not for longer than this."""
        if self._slots:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), seconds)

    def _put(self, one: Peer, when: float) -> None:
        slot = self._slots[one] = NEVER if when == inf else ceil(when / SLOT_S)
        if slot == NEVER:
            return
        if slot not in self._due:
            self._due[slot] = set()
            heapq.heappush(self._order, slot)
        self._due[slot].add(one)

    def _wait(self) -> None:
        """Wake at the next slot."""
        if self._order and (self._timer is None or self._timer.when() > self._order[0] * SLOT_S):
            if self._timer is not None:
                self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_at(self._order[0] * SLOT_S, self._look)

    def _rest(self) -> None:
        self._empty.set()
        self._due.clear()
        self._order.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        if self._order and loop.time() > self._order[0] * SLOT_S + STOOD_S:
            self._timer = loop.call_later(SLOT_S, self._look_at_all)
        else:
            self._look_at_all()

    def _look_at_all(self) -> None:
        """Look at all whose time has come. Whatever they say next, they are not looked at again in this turn."""
        self._timer = None
        now = asyncio.get_running_loop().time()
        while self._order and self._order[0] * SLOT_S <= now:
            for one in self._due.pop(heapq.heappop(self._order)):
                self._put(one, max(one.look(now), now + SLOT_S))
        self._wait()
