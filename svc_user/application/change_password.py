"""Set a new password."""

from dataclasses import dataclass

from mesh import errors
from mesh.clock import Clock
from mesh.session_end import SessionEnd, session_revoked
from svc_user.application.sessions import Ending, notices_of
from svc_user.application.throttle import Throttle
from svc_user.application.tokens import Issuer, Tokens
from svc_user.domain.account import Account, UserId, no_such_user
from svc_user.domain.device_key import DeviceKeys
from svc_user.domain.notice import SessionEvent
from svc_user.domain.password import check_strength, normalised
from svc_user.domain.ports import Accounts, Passwords, SessionChange, Sessions, Stale
from svc_user.domain.reasons import Reason
from svc_user.domain.session import DeviceId, Session, SessionId, bad_credentials


@dataclass(frozen=True, slots=True, repr=False)
class Changed:
    """What the device that changed the password goes on with."""

    tokens: Tokens
    device_key: str


class PasswordChanger:
    """Changes passwords; whoever knew the old one is out afterwards."""

    def __init__(
        self,
        accounts: Accounts,
        sessions: Sessions,
        passwords: Passwords,
        throttle: Throttle,
        issuer: Issuer,
        ending: Ending,
        keys: DeviceKeys,
        clock: Clock,
    ) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._passwords = passwords
        self._throttle = throttle
        self._issuer = issuer
        self._ending = ending
        self._keys = keys
        self._clock = clock

    async def change(self, user_id: UserId, session_id: SessionId, device_id: DeviceId, old: str, new: str) -> Changed:
        """Keep the new password, end all other sessions, and return new tokens and a new key for this one.

        Raises BAD_CREDENTIALS, PASSWORD_TOO_WEAK, SESSION_REVOKED, RATE_LIMITED, OVERLOADED.
        """
        account = await self._account(user_id)
        self._throttle.take_known(user_id, device_id)
        before = await self._accounts.password_hash(user_id)
        if not await self._passwords.verify(before, normalised(old), known=True):
            raise bad_credentials()
        password = normalised(new)
        check_strength(password, account.username)
        after = await self._passwords.hash(password, known=True)
        try:
            tokens = await self._commit(session_id, (user_id, before, after))
        except Stale:
            raise errors.unavailable(Reason.OVERLOADED, "it changed meanwhile; try again", retry_after=1.0) from None
        return Changed(tokens, self._keys.of(user_id, device_id, after))

    async def _account(self, user_id: UserId) -> Account:
        found = await self._accounts.get((user_id,))
        if user_id not in found:
            raise no_such_user()
        return found[user_id]

    async def _commit(self, session_id: SessionId, password: tuple[UserId, str, str]) -> Tokens:
        now = self._clock.now_ms()
        live = await self._sessions.live(password[0], now)
        current = _current(live, session_id)
        token = self._issuer.first(session_id)
        renewed = current.reissued(token, now)
        others = [session for session in live if session.session_id != session_id]
        await self._sessions.commit(
            SessionChange(
                renewed=(current, renewed),
                ended=tuple(session.session_id for session in others),
                ended_at_ms=now,
                end=SessionEnd.PASSWORD_CHANGED,
                password=password,
                notices=notices_of(others, SessionEvent.REVOKED),
            )
        )
        await self._ending.announce(others, SessionEnd.PASSWORD_CHANGED)
        await self._end_late(password[0], session_id)
        return await self._issuer.tokens(renewed, token)

    async def _end_late(self, user_id: UserId, session_id: SessionId) -> None:
        """End what the old password opened since the sessions were read: from now on it opens none."""
        live = await self._sessions.live(user_id, self._clock.now_ms())
        late = [session for session in live if session.session_id != session_id]
        await self._ending.end(late, SessionEvent.REVOKED, SessionEnd.PASSWORD_CHANGED)


def _current(live: list[Session], session_id: SessionId) -> Session:
    for session in live:
        if session.session_id == session_id:
            return session
    raise session_revoked()
