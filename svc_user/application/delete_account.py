"""Delete an account: at once for everybody who looks, and then, for as long as it takes, everywhere else."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import structlog

from mesh import errors
from mesh.clock import Clock, until
from mesh.errors import MeshError
from mesh.session_end import SessionEnd
from svc_user.application.bots import BotKeeping
from svc_user.application.pairs import Pairs
from svc_user.application.sessions import Ending
from svc_user.application.throttle import Throttle
from svc_user.domain import friendship
from svc_user.domain.account import Account, UserId, UserState, no_such_user
from svc_user.domain.deletion import Deletions
from svc_user.domain.friend import REQUEST_MS, Pair
from svc_user.domain.friendship import Change
from svc_user.domain.notice import SessionEvent
from svc_user.domain.oversight import Elsewhere, Oversight
from svc_user.domain.password import normalised
from svc_user.domain.ports import Accounts, MessageNodes, Passwords, Relations, RequestQuery, Sessions, Stale
from svc_user.domain.reasons import Reason
from svc_user.domain.session import DeviceId, bad_credentials

AGAIN_S: Final = 15.0
"""How often what is left of deletions is tried again."""

AT_ONCE: Final = 100
"""Deletions, friendships or requests that are dealt with in one go."""

MAX_ATTEMPTS: Final = 3
"""How often a deletion is begun anew when the account changed meanwhile."""


class AccountDeletion:
    """Erases accounts."""

    def __init__(
        self,
        accounts: Accounts,
        deletions: Deletions,
        passwords: Passwords,
        throttle: Throttle,
        ending: Ending,
        nodes: MessageNodes,
        clock: Clock,
    ) -> None:
        self._accounts = accounts
        self._deletions = deletions
        self._passwords = passwords
        self._throttle = throttle
        self._ending = ending
        self._nodes = nodes
        self._clock = clock
        self.begun = asyncio.Event()
        """Something is to follow."""

    async def delete(self, user_id: UserId, password: str, device_id: DeviceId) -> None:
        """Erase the account and end its sessions. BAD_CREDENTIALS, RATE_LIMITED, OVERLOADED."""
        await self._account(user_id)
        self._throttle.take_known(user_id, device_id)
        password_hash = await self._accounts.password_hash(user_id)
        if not await self._passwords.verify(password_hash, normalised(password), known=True):
            raise bad_credentials()
        await self.erase(user_id)

    async def erase(self, user_id: UserId) -> int:
        """Erase the account and end its sessions, for whoever may; return how many. USER_NOT_FOUND, OVERLOADED."""
        for _ in range(MAX_ATTEMPTS):
            try:
                ended = await self._deletions.begin(await self._account(user_id), self._clock.now_ms())
            except Stale:
                continue
            self.begun.set()
            await self._ending.announce(ended, SessionEnd.ACCOUNT_DELETED)
            await self._nodes.settings_changed(user_id)
            return len(ended)
        raise errors.unavailable(Reason.OVERLOADED, "the account changed meanwhile; try again", retry_after=1.0)

    async def _account(self, user_id: UserId) -> Account:
        found = await self._accounts.get((user_id,))
        if user_id not in found or found[user_id].state is UserState.DELETED:
            raise no_such_user()
        return found[user_id]


class Remains:
    """Removes what a deleted account has elsewhere. Each step may be done twice, and all begin anew after a crash."""

    def __init__(
        self,
        deletions: Deletions,
        sessions: Sessions,
        relations: Relations,
        pairs: Pairs,
        oversight: Oversight,
        elsewhere: Sequence[Elsewhere],
        bots: BotKeeping,
        ending: Ending,
        begun: asyncio.Event,
        clock: Clock,
    ) -> None:
        self._begun = begun
        self._deletions = deletions
        self._sessions = sessions
        self._relations = relations
        self._pairs = pairs
        self._oversight = oversight
        self._elsewhere = elsewhere
        self._bots = bots
        self._ending = ending
        self._clock = clock

    async def run(self) -> None:
        """Remove for ever: at once what has begun, and now and then what could not be done."""
        while True:
            self._begun.clear()
            with contextlib.suppress(MeshError):
                for user_id in await self._deletions.pending(AT_ONCE):
                    await self._remove(user_id)
            await until(self._begun, AGAIN_S, self._clock)

    async def _remove(self, user_id: UserId) -> None:
        try:
            await self._end_sessions(user_id)
            await self._end_friendships(user_id)
            await self._withdraw(user_id)
            await self._bots.delete_all(user_id)
            await self._oversight.erase(user_id)
            for one in self._elsewhere:
                await one.forget(user_id)
            await self._deletions.done(user_id)
        except MeshError as error:
            structlog.get_logger().warning("deletion_waits", reason=error.reason)

    async def _end_sessions(self, user_id: UserId) -> None:
        """A log-in that had checked the password before may have opened one since."""
        live = await self._sessions.live(user_id, self._clock.now_ms())
        await self._ending.end(live, SessionEvent.REVOKED, SessionEnd.ACCOUNT_DELETED)

    async def _end_friendships(self, user_id: UserId) -> None:
        """The other keeps the entry, so that they see that their friend is gone and not only that somebody is."""
        after = 0
        while sides := (await self._relations.entries(user_id, after, AT_ONCE)).sides:
            for side in sides:
                await self._pairs.change(user_id, side.other_id, lambda pair: friendship.end(pair, own_side_only=True))
            after = sides[-1].version

    async def _withdraw(self, user_id: UserId) -> None:
        now = self._clock.now_ms()
        query = RequestQuery(user_id, False, 0, now - REQUEST_MS, "", AT_ONCE)  # noqa: FBT003 - outgoing ones
        while waiting := await self._relations.requests(query):
            for request in waiting:
                await self._pairs.change(user_id, request.receiver_id, lambda pair: _taken_back(pair, now))
            query = replace(query, before=waiting[-1].request_id)


def _taken_back(pair: Pair, now_ms: int) -> Change:
    """The pair without the request of the user that waits: at most one does."""
    waits = pair.sent is not None and pair.sent.seems_open_at(now_ms)
    return friendship.cancel(pair, pair.sent, now_ms) if waits and pair.sent else Change(pair)
