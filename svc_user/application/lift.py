"""Open accounts again whose suspension has ended."""

import contextlib
from typing import Final

from mesh.clock import Clock
from mesh.errors import MeshError
from svc_user.domain.oversight import Oversight
from svc_user.domain.ports import Stale

LOOK_MS: Final = 30_000
"""Between two looks. Each sees what ends before the next one, so only a suspension that is shorter than this may last
longer than it was meant to.
"""

RETRY_MS: Final = 1_000
"""Until it is looked again when the store is away, or when more end than are taken at once."""

AT_ONCE: Final = 100


class Lifting:
    """Looks at the store: a process that was away, or died, misses nothing."""

    def __init__(self, oversight: Oversight, clock: Clock) -> None:
        self._oversight = oversight
        self._clock = clock

    async def run(self) -> None:
        """Lift for ever."""
        while True:
            next_ms = self._clock.now_ms() + RETRY_MS
            with contextlib.suppress(MeshError):
                next_ms = await self.lift()
            await self._clock.sleep(max(0, next_ms - self._clock.now_ms()) / 1_000)

    async def lift(self) -> int:
        """Lift what has ended by now; return when to look again, Unix milliseconds. UNAVAILABLE.

        Another process may do the same: only one of them changes anything.
        """
        now_ms = self._clock.now_ms()
        ending = await self._oversight.due(now_ms + LOOK_MS, AT_ONCE)
        for status in ending:
            if status.suspended_until_ms <= now_ms:
                with contextlib.suppress(Stale):
                    await self._oversight.keep(status, status.lifted())
        if len(ending) == AT_ONCE:
            return now_ms + RETRY_MS
        later = [one.suspended_until_ms for one in ending if one.suspended_until_ms > now_ms]
        return min(later, default=now_ms + LOOK_MS)
