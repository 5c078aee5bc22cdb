"""Time comes in by argument, so that a test can move it. Pure Python."""

import asyncio
import heapq
import time
from math import ceil
from typing import Final, Protocol

GRAIN_S: Final = 0.5
"""What a process does now and then it does at moments that lie this far apart, all that is due in one turn of the loop:
to wake up costs an idle process 0.2 ms, more than most of what it wakes up for."""

LONG_S: Final = 2.0
"""Waits as long as this last until such a moment."""

EARLY_S: Final = 0.05
"""By how much they may end early: who does something each five seconds would else do it each five and a half."""


class Clock(Protocol):
    """What the time is, and waiting."""

    def now_ms(self) -> int:
        """Wall time, Unix milliseconds. For showing and for tokens; it may jump, so nothing is ordered by it."""

    def monotonic(self) -> float:
        """Seconds that only go forward. For timeouts and leases."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


def grain(when: float) -> float:
    """Return the moment, on the clock of the event loop, at which the process wakes anyway and which is not before this
    one, or hardly.
    """
    return ceil((when - EARLY_S) / GRAIN_S) * GRAIN_S


async def until(event: asyncio.Event, seconds: float, clock: Clock) -> None:
    """Wait for the event, but only so long."""
    waits = {asyncio.ensure_future(event.wait()), asyncio.ensure_future(clock.sleep(seconds))}
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


class SystemClock:
    """The time of the machine."""

    def now_ms(self) -> int:
        """Wall time, Unix milliseconds."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds that only go forward."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait; a long wait lasts up to GRAIN_S longer, or EARLY_S less."""
        if seconds >= LONG_S:
            now = asyncio.get_running_loop().time()
            seconds = grain(now + seconds) - now
        await asyncio.sleep(seconds)


class FakeClock:
    """Time that stands still until a test moves it."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self._now_ms = float(now_ms)
        self._monotonic = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def now_ms(self) -> int:
        """Wall time, Unix milliseconds."""
        return int(self._now_ms)

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        """Wait until a test has moved the time far enough."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (self._monotonic + seconds, self._count, done))
        await done

    def jump(self, seconds: float) -> None:
        """Set the wall clock on, or back: nobody who waits notices, as on a machine."""
        self._now_ms += seconds * 1_000

    def advance(self, seconds: float) -> None:
        """Move the time and wake those whose wait is over, in their order."""
        self._now_ms += seconds * 1_000
        self._monotonic += seconds
        while self._sleepers and self._sleepers[0][0] <= self._monotonic:
            _, _, done = heapq.heappop(self._sleepers)
            if not done.done():
                done.set_result(None)
