"""Open accounts again whose suspension has ended."""

import contextlib
from typing import Final

from mesh.clock import Clock
from mesh.errors import MeshError
from svc_user.domain.oversight import Oversight
from svc_user.domain.ports import Stale

PERIOD_S: Final = 5.0
"""How much longer than it was meant to a suspension may last."""

AT_ONCE: Final = 100


class Lifting:
    """Looks at the store: a process that was away, or died, misses nothing."""

    def __init__(self, oversight: Oversight, clock: Clock) -> None:
        self._oversight = oversight
        self._clock = clock

    async def run(self) -> None:
        """Lift for ever."""
        while True:
            with contextlib.suppress(MeshError):
                await self.lift()
            await self._clock.sleep(PERIOD_S)

    async def lift(self) -> None:
        """Lift what has ended by now. Another process may do the same: only one of them changes anything."""
        for status in await self._oversight.due(self._clock.now_ms(), AT_ONCE):
            with contextlib.suppress(Stale):
                await self._oversight.keep(status, status.lifted())
