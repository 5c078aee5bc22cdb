"""Find accounts, close and open them, end sessions, give and take the role: what administrators do."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from mesh import errors
from mesh.clock import Clock
from mesh.session_end import SessionEnd
from svc_user.application.sessions import Ending, notices_of
from svc_user.domain.account import Account, UserId, no_such_user
from svc_user.domain.notice import SessionEvent
from svc_user.domain.oversight import AccountStatus, Overseen, Oversight, Wanted, last_admin, sort_key
from svc_user.domain.password import normalised
from svc_user.domain.ports import Accounts, Passwords, Relations, SessionChange, Sessions, Stale
from svc_user.domain.reasons import Reason
from svc_user.domain.session import Session, SessionId

MAX_ATTEMPTS: Final = 5
"""How often a change is decided anew when another administrator was faster."""

COUNTED: Final = 1_000
"""Blocked users are counted up to here."""

ENOUGH: Final = 2
"""Administrators of whom one may go."""


@dataclass(frozen=True, slots=True)
class Dossier:
    """An account with its sessions, the latest seen first, and how much there is of it."""

    overseen: Overseen
    sessions: list[Session]
    friends: int
    blocked: int


class Overseer:
    """Accounts in the hands of administrators. Whether somebody is one was seen to before."""

    def __init__(
        self,
        accounts: Accounts,
        oversight: Oversight,
        sessions: Sessions,
        relations: Relations,
        passwords: Passwords,
        ending: Ending,
        clock: Clock,
    ) -> None:
        self._accounts = accounts
        self._oversight = oversight
        self._sessions = sessions
        self._relations = relations
        self._passwords = passwords
        self._ending = ending
        self._clock = clock

    async def find(self, wanted: Wanted) -> tuple[list[Overseen], str]:
        """A page of accounts, and what the next page comes after; empty when there is none."""
        found = await self._oversight.find(replace(wanted, limit=wanted.limit + 1))
        page = found[: wanted.limit]
        return page, sort_key(page[-1].account) if len(found) > len(page) else ""

    async def one(self, user_id: UserId) -> Overseen:
        """One account. USER_NOT_FOUND."""
        account = await self._account(user_id)
        return Overseen(account, await self._status(user_id))

    async def dossier(self, user_id: UserId) -> Dossier:
        """One account with all that is counted. USER_NOT_FOUND."""
        overseen = await self.one(user_id)
        sessions = await self._sessions.live(user_id, self._clock.now_ms())
        friends = (await self._relations.load(user_id, user_id)).my_friends
        blocked = await self._relations.blocked(user_id, None, COUNTED)
        return Dossier(overseen, sessions, friends, len(blocked))

    async def suspend(self, user_id: UserId, duration_ms: int, reason: str) -> tuple[Overseen, int]:
        """Close an account, for ever with 0; return how many sessions that ended.

        Raises USER_NOT_FOUND, USER_DELETED, USER_IS_ADMIN.
        """
        until = self._clock.now_ms() + duration_ms if duration_ms else 0
        await self._change(user_id, lambda status: status.suspended(until, reason))
        ended = await self.end_sessions(user_id)
        return await self.one(user_id), ended

    async def lift(self, user_id: UserId) -> Overseen:
        """Open an account. Raises USER_NOT_FOUND, USER_DELETED."""
        await self._change(user_id, AccountStatus.lifted)
        return await self.one(user_id)

    async def appoint(self, user_id: UserId, *, admin: bool) -> tuple[Overseen, int]:
        """Give or take the role; taking it ends all sessions. Raises LAST_ADMIN and what `AccountStatus` refuses."""
        if (await self.one(user_id)).account.is_assistant:
            raise no_such_user()
        if not admin and (await self._status(user_id)).admin:
            await self._keep_one_admin()
        changed = await self._change(user_id, lambda status: status.appointed(admin=admin))
        ended = await self.end_sessions(user_id) if changed and not admin else 0
        return await self.one(user_id), ended

    async def reset_password(self, user_id: UserId) -> tuple[str, int]:
        """Give the account a new password and end its sessions; return it, and how many sessions that ended.

        Raises USER_NOT_FOUND, USER_DELETED, USER_IS_ADMIN, OVERLOADED.
        """
        (await self._status(user_id)).check_ordinary()
        password = secrets.token_urlsafe(18)
        before = await self._accounts.password_hash(user_id)
        after = await self._passwords.hash(normalised(password))
        try:
            ended = await self._end(user_id, (user_id, before, after))
            # And what the old password has opened since these were read: from now on it opens none.
            return password, ended + await self._end(user_id)
        except Stale:
            raise errors.unavailable(Reason.OVERLOADED, "it changed meanwhile; try again", retry_after=1.0) from None

    async def end_sessions(self, user_id: UserId, session_id: str = "") -> int:
        """End one session or all; return how many were live. Raises USER_NOT_FOUND, SESSION_NOT_FOUND."""
        await self._status(user_id)
        if not session_id:
            return await self._end(user_id)
        session = await self._sessions.get(SessionId(session_id))
        if session is None or session.user_id != user_id:
            raise errors.not_found(Reason.SESSION_NOT_FOUND, "this user has no such session")
        return await self._ending.end((session,), SessionEvent.REVOKED, SessionEnd.BY_ADMINISTRATOR)

    async def _end(self, user_id: UserId, password: tuple[UserId, str, str] | None = None) -> int:
        now = self._clock.now_ms()
        live = await self._sessions.live(user_id, now)
        ids = tuple(session.session_id for session in live)
        notices = notices_of(live, SessionEvent.REVOKED)
        if live or password:
            why = SessionEnd.BY_ADMINISTRATOR
            change = SessionChange(ended=ids, ended_at_ms=now, end=why, password=password, notices=notices)
            await self._sessions.commit(change)
        await self._ending.announce(live, SessionEnd.BY_ADMINISTRATOR)
        return len(live)

    async def _change(self, user_id: UserId, decide: Callable[[AccountStatus], AccountStatus]) -> bool:
        """Keep what `decide` says of the status as it is; return whether that is a change."""
        for _ in range(MAX_ATTEMPTS):
            before = await self._status(user_id)
            after = decide(before)
            if after == before:
                return False
            try:
                await self._oversight.keep(before, after)
            except Stale:
                continue
            return True
        raise errors.unavailable(Reason.OVERLOADED, "others change this account at once", retry_after=1.0)

    async def _keep_one_admin(self) -> None:
        """Two who take the role from each other at the same moment may both succeed: the command line mends that."""
        if len(await self._oversight.find(Wanted(admins_only=True, limit=ENOUGH))) < ENOUGH:
            raise last_admin()

    async def _status(self, user_id: UserId) -> AccountStatus:
        status = await self._oversight.status(user_id)
        if status is None:
            raise no_such_user()
        return status

    async def _account(self, user_id: UserId) -> Account:
        found = await self._accounts.get((user_id,))
        if user_id not in found:
            raise no_such_user()
        return found[user_id]
