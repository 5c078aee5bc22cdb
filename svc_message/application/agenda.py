"""When there is something to do next, as far as this node knows."""

import asyncio
from typing import Final

from mesh.clock import Clock, until

FAR_MS: Final = 2**62

PACE_S: Final = 0.5
"""Seconds between two times that follow each other: what is due at nearly the same time is done in one go."""


class Agenda:
    """One time, the earliest that somebody named; what comes after it is asked for again by whoever waits."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due_ms = FAR_MS
        self._earlier = asyncio.Event()

    def note(self, due_ms: int) -> None:
        """There will be something to do at this time, Unix milliseconds. Never waits."""
        if due_ms < self._due_ms:
            self._due_ms = due_ms
            self._earlier.set()

    async def rest(self, until_ms: int, late_ms: int) -> bool:
        """Wait until `late_ms` after the noted time, or until the other one; whether the noted time has come.

        It is forgotten then.
        """
        await self._clock.sleep(PACE_S)
        while (now_ms := self._clock.now_ms()) < min(until_ms, self._due_ms + late_ms):
            self._earlier.clear()
            await until(self._earlier, (min(until_ms, self._due_ms + late_ms) - now_ms) / 1_000, self._clock)
        if now_ms < self._due_ms + late_ms:
            return False
        self._due_ms = FAR_MS
        return True


def nothing(_: int) -> None:
    """Note nothing."""
