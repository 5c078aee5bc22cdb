"""Delete an account for good, here and in the services that keep something of it."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from mesh.clock import Clock
from mesh.errors import MeshError
from svc_user.application.pairs import Pairs
from svc_user.application.sessions import Ending
from svc_user.domain import friendship
from svc_user.domain.account import UserId, UserState, no_such_user
from svc_user.domain.friend import version_conflict
from svc_user.domain.oversight import AccountStatus, Elsewhere, Oversight
from svc_user.domain.ports import Relations, SessionChange, Sessions, Stale
from svc_user.domain.session import SessionEnd

PAGE: Final = 200

PERIOD_S: Final = 5.0
"""Seconds between two attempts to tell the other services."""

REASON: Final = "is being deleted"


class Eraser:
    """Takes a user apart in an order that can be begun again at any point.

    First nobody gets in, then the sessions end, then the friendships, of which the others are told, and at last
    everything that is kept of the user goes.
    """

    def __init__(
        self,
        oversight: Oversight,
        sessions: Sessions,
        relations: Relations,
        pairs: Pairs,
        ending: Ending,
        farewells: "Farewells",
        clock: Clock,
    ) -> None:
        self._oversight = oversight
        self._sessions = sessions
        self._relations = relations
        self._pairs = pairs
        self._ending = ending
        self._farewells = farewells
        self._clock = clock

    async def erase(self, user_id: UserId) -> int:
        """Erase; return how many sessions that ended. Raises USER_NOT_FOUND, USER_IS_ADMIN, and UNAVAILABLE when the
        store does not answer: then repeat it.
        """
        status = await self._oversight.status(user_id)
        if status is None:
            raise no_such_user()
        ended = 0
        if status.state is not UserState.DELETED:
            status.check_ordinary()
            await self._close(status)
            ended = await self._end_sessions(user_id)
            await self._end_friendships(user_id)
        await self._oversight.erase(user_id)
        self._farewells.wake()
        return ended

    async def _close(self, status: AccountStatus) -> None:
        closed = replace(status, state=UserState.SUSPENDED, suspended_until_ms=0, suspension_reason=REASON)
        if closed != status:
            try:
                await self._oversight.keep(status, closed)
            except Stale:
                raise version_conflict() from None

    async def _end_sessions(self, user_id: UserId) -> int:
        """Without a word in the personal log: it is erased too."""
        now = self._clock.now_ms()
        live = await self._sessions.live(user_id, now)
        if live:
            ids = tuple(session.session_id for session in live)
            why = SessionEnd.ACCOUNT_DELETED
            await self._sessions.commit(SessionChange(ended=ids, ended_at_ms=now, end=why))
            await self._ending.announce(live, why)
        return len(live)

    async def _end_friendships(self, user_id: UserId) -> None:
        after = 0
        while sides := (await self._relations.entries(user_id, after, PAGE)).sides:
            for side in sides:
                await self._pairs.change(user_id, side.other_id, lambda pair: friendship.end(pair, own_side_only=False))
            after = sides[-1].version


class Farewells:
    """Tells the other services of erased users until each of them has said that it keeps nothing any more."""

    def __init__(self, oversight: Oversight, elsewhere: Sequence[Elsewhere], clock: Clock) -> None:
        self._oversight = oversight
        self._elsewhere = elsewhere
        self._clock = clock
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """There is somebody to tell of."""
        self._wake.set()

    async def run(self) -> None:
        """Tell for ever; at the start, what an earlier process left."""
        while True:
            self._wake.clear()
            with contextlib.suppress(MeshError):
                await self.tell()
            await self._pause()

    async def _pause(self) -> None:
        """Wait for somebody to tell of, and not too long for those who are left."""
        waits = [asyncio.ensure_future(self._wake.wait()), asyncio.ensure_future(self._clock.sleep(PERIOD_S))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def tell(self) -> None:
        """Tell of those who are left. Raises UNAVAILABLE when somebody does not answer."""
        for user_id in await self._oversight.farewells(PAGE):
            for one in self._elsewhere:
                await one.forget(user_id)
            await self._oversight.farewell_said(user_id)
