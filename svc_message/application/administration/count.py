"""Count what is written, a little at a time, so that nobody who asks for statistics has the logs read."""

import contextlib
from collections.abc import Callable
from typing import Final

from mesh.clock import Clock
from mesh.errors import MeshError
from svc_message.domain.administration.statistics import DAY_MS, DayCount, Statistics

STEP: Final = 5_000
"""Entries of one step: a few milliseconds of a reader."""

PERIOD_S: Final = 10.0
"""Seconds between two steps. After a busy hour it goes on for a while: 500 entries a second."""

REST_S: Final = 30.0
"""Seconds to the next step when all is counted."""

DEFAULT_DAYS: Final = 30
MAX_DAYS: Final = 400


class Counting:
    """Counts in the background. `leads` says whether this node should; two that both do so do no harm."""

    def __init__(self, statistics: Statistics, leads: Callable[[], bool], clock: Clock) -> None:
        self._statistics = statistics
        self._leads = leads
        self._clock = clock

    async def run(self) -> None:
        """Count for ever."""
        while True:
            more = False
            with contextlib.suppress(MeshError):
                more = self._leads() and await self._statistics.count(self._clock.now_ms(), STEP)
            await self._clock.sleep(PERIOD_S if more else REST_S)

    async def latest(self, days: int) -> tuple[list[DayCount], int]:
        """So many days back, the newest first, and up to when all is counted (Unix ms)."""
        today = self._clock.now_ms() // DAY_MS
        wanted = min(days or DEFAULT_DAYS, MAX_DAYS)
        return await self._statistics.days(today - wanted + 1), await self._statistics.counted_until_ms()
