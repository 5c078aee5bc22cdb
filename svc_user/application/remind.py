"""Remind the cache of sessions that ended lately.

Ending a session tells the cache at once, but the cache may lose everything: a restart of the embedded mesh, a flush.
Until their access tokens have ended by themselves, ended sessions are therefore told again, from the store.
"""

import contextlib
from typing import Final

from mesh.clock import Clock
from mesh.errors import MeshError
from svc_user.domain.ports import Gateways, Sessions

PERIOD_S: Final = 30.0
"""How long a cache that lost everything may believe that an ended session is alive."""

RETRY_S: Final = 1.0
"""How long after a failure a start tries again."""

TOKEN_MS: Final = 16 * 60 * 1_000
"""Longer than an access token lives, 15 minutes, with the leeway of clocks."""


class Reminder:
    """Tells the cache what the store knows."""

    def __init__(self, sessions: Sessions, gateways: Gateways, clock: Clock) -> None:
        self._sessions = sessions
        self._gateways = gateways
        self._clock = clock

    async def remind(self) -> None:
        """Tell of all sessions whose tokens may still be good. STORE_UNAVAILABLE."""
        await self._gateways.record(await self._sessions.ended_since(self._clock.now_ms() - TOKEN_MS))

    async def begin(self) -> None:
        """Remind once, before anybody is served: tries again for as long as the store is away."""
        while True:
            try:
                return await self.remind()
            except MeshError:
                await self._clock.sleep(RETRY_S)

    async def run(self) -> None:
        """Remind for ever."""
        while True:
            await self._clock.sleep(PERIOD_S)
            with contextlib.suppress(MeshError):
                await self.remind()
