"""Trade a refresh token for new tokens."""

from typing import Final

from mesh import errors
from mesh.clock import Clock
from mesh.session_end import SessionEnd, session_revoked
from svc_user.application.sessions import Ending
from svc_user.application.tokens import Issuer, Tokens
from svc_user.domain.account import UserState, suspended
from svc_user.domain.notice import SessionEvent
from svc_user.domain.ports import Accounts, SessionChange, Sessions, Stale
from svc_user.domain.reasons import Reason
from svc_user.domain.session import (
    DeviceId,
    Presented,
    Session,
    refresh_invalid,
    refresh_replayed,
    session_of,
)

MAX_ATTEMPTS: Final = 3
"""Two calls with one token: the second one finds it just spent. A third attempt is for a log-in between them."""


class Refresher:
    """Keeps sessions alive, and ends one whose token turns up a second time."""

    def __init__(self, accounts: Accounts, sessions: Sessions, issuer: Issuer, ending: Ending, clock: Clock) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._issuer = issuer
        self._ending = ending
        self._clock = clock

    async def refresh(self, token: str, device_id: DeviceId, address: str) -> Tokens:
        """New tokens for the session of this device.

        Raises REFRESH_TOKEN_INVALID, REFRESH_TOKEN_REPLAYED, SESSION_REVOKED and USER_SUSPENDED.
        """
        for _ in range(MAX_ATTEMPTS):
            try:
                return await self._attempt(token, device_id, address)
            except Stale:
                continue
        raise errors.unavailable(Reason.OVERLOADED, "too many refreshes of this session at once", retry_after=1.0)

    async def _attempt(self, token: str, device_id: DeviceId, address: str) -> Tokens:
        session = await self._sessions.get(session_of(token))
        if session is None:
            raise refresh_invalid()
        presented = self._issuer.chain.judge(session, token, self._clock.now_ms())
        self._refuse_ended(session, presented)
        same_device = session.device_id == device_id
        if presented is Presented.REPLAYED or (presented is Presented.JUST_SPENT and not same_device):
            await self._ending.end((session,), SessionEvent.REVOKED, SessionEnd.TOKEN_REPLAYED)
            raise refresh_replayed()
        if not same_device:
            raise refresh_invalid()
        await self._refuse_unusable(session)
        return await self._renew(session, token, presented, address)

    def _refuse_ended(self, session: Session, presented: Presented) -> None:
        if presented is Presented.UNKNOWN:
            raise refresh_invalid()
        if session.ended_at_ms:
            raise session_revoked(session.end)
        if not session.live(self._clock.now_ms()):
            raise refresh_invalid()

    async def _refuse_unusable(self, session: Session) -> None:
        account = (await self._accounts.get((session.user_id,))).get(session.user_id)
        if account is None or account.state is UserState.DELETED:
            raise refresh_invalid()
        if account.state is UserState.SUSPENDED:
            raise suspended()

    async def _renew(self, session: Session, token: str, presented: Presented, address: str) -> Tokens:
        successor = self._issuer.chain.after(token)
        if presented is Presented.LATEST:
            renewed = session.rotated(successor, self._clock.now_ms(), address)
            await self._sessions.commit(SessionChange(renewed=(session, renewed)))
            session = renewed
        return await self._issuer.tokens(session, successor)
