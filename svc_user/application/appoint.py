"""Appoint administrators from the command line of the installation: the first one, and when none is left."""

from typing import Final

from mesh import errors
from mesh.clock import Clock
from mesh.deeds import Audit, Deed
from mesh.session_end import SessionEnd
from svc_user.application.sessions import notices_of
from svc_user.domain.account import UserId, fold, no_such_user
from svc_user.domain.notice import SessionEvent
from svc_user.domain.oversight import Oversight, Wanted
from svc_user.domain.ports import Accounts, SessionChange, Sessions, Stale
from svc_user.domain.reasons import Reason

ACTION: Final = "console.SetAdmin"
MAX_ADMINS: Final = 200


class Appointing:
    """Works on the store alone, beside a mesh that may run: its processes notice by themselves."""

    def __init__(
        self, accounts: Accounts, oversight: Oversight, sessions: Sessions, audit: Audit, clock: Clock
    ) -> None:
        self._accounts = accounts
        self._oversight = oversight
        self._sessions = sessions
        self._audit = audit
        self._clock = clock

    async def appoint(self, username: str, *, admin: bool) -> UserId:
        """Give or take the role; taking it ends the sessions.

        Raises USER_NOT_FOUND, USER_DELETED, USER_SUSPENDED, VERSION_CONFLICT, AUDIT_UNAVAILABLE.
        """
        account = await self._accounts.named(fold(username))
        if account is None or account.is_assistant:
            raise no_such_user()
        before = await self._oversight.status(account.user_id)
        if before is None:
            raise no_such_user()
        after = before.appointed(admin=admin)
        await self._audit.record(Deed(ACTION, target=account.user_id, details={"admin": str(admin).lower()}))
        try:
            await self._oversight.keep(before, after)
        except Stale:
            raise errors.aborted(Reason.VERSION_CONFLICT, "it changed meanwhile; try again") from None
        if not admin:
            await self._end_sessions(account.user_id)
        return account.user_id

    async def administrators(self) -> list[str]:
        """The names of those who have the role."""
        found = await self._oversight.find(Wanted(admins_only=True, limit=MAX_ADMINS))
        return [one.account.username for one in found]

    async def _end_sessions(self, user_id: UserId) -> None:
        """Gateways and those who check tokens are reminded of ended sessions by the service, within half a minute."""
        now = self._clock.now_ms()
        live = await self._sessions.live(user_id, now)
        if live:
            ids = tuple(session.session_id for session in live)
            notices = notices_of(live, SessionEvent.REVOKED)
            await self._sessions.commit(
                SessionChange(ended=ids, ended_at_ms=now, end=SessionEnd.BY_ADMINISTRATOR, notices=notices)
            )
