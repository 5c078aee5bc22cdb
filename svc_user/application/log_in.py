"""Open a session."""

import contextlib
import hashlib
from dataclasses import astuple, dataclass
from typing import Final

from mesh import errors
from mesh.clock import Clock
from mesh.ids import Ids
from mesh.session_end import SessionEnd
from svc_user.application.sessions import Ending, notices_of
from svc_user.application.throttle import Throttle
from svc_user.application.tokens import Issuer, Tokens
from svc_user.domain.account import Account, UserId, UserState, fold, suspended
from svc_user.domain.device_key import DeviceKeys
from svc_user.domain.device_rules import DeviceRules, displaced
from svc_user.domain.notice import SessionEvent
from svc_user.domain.password import normalised
from svc_user.domain.ports import Accounts, Passwords, SessionChange, Sessions, Stale
from svc_user.domain.reasons import Reason
from svc_user.domain.session import (
    SESSION_MS,
    Device,
    DeviceId,
    Session,
    bad_credentials,
    session_of,
    token_hash,
)

MAX_ATTEMPTS: Final = 5
"""How often a log-in is decided anew when another one of the same user was faster."""


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """Who wants in, from where, on what. `device_id` as an earlier log-in answered it, or empty."""

    request_id: str
    username: str
    password: str
    device: Device
    device_id: str
    address: str
    device_key: str = ""
    """What shows that the account knows the device; empty, or worth nothing: it does not."""

    @property
    def request_key(self) -> bytes:
        """What names this log-in: the request id on this installation."""
        parts = (self.request_id, self.device_id, *map(str, astuple(self.device)))
        return hashlib.sha256("\0".join(parts).encode()).digest()


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """An open session."""

    tokens: Tokens
    account: Account
    session: Session
    device_key: str


class LogIn:
    """Checks who it is and opens the session of their device."""

    def __init__(
        self,
        accounts: Accounts,
        sessions: Sessions,
        passwords: Passwords,
        throttle: Throttle,
        issuer: Issuer,
        ending: Ending,
        rules: DeviceRules,
        keys: DeviceKeys,
        ids: Ids,
        clock: Clock,
    ) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._passwords = passwords
        self._throttle = throttle
        self._issuer = issuer
        self._ending = ending
        self._rules = rules
        self._keys = keys
        self._ids = ids
        self._clock = clock

    async def log_in(self, credentials: Credentials) -> LoggedIn:
        """Open a session. Raises BAD_CREDENTIALS, USER_SUSPENDED, RATE_LIMITED, OVERLOADED."""
        known = bool(credentials.device_key) and await self._known(credentials)
        if not known:
            self._throttle.take(fold(credentials.username), credentials.address)
        account, proven = await self._authenticated(credentials, known=known)
        for _ in range(MAX_ATTEMPTS):
            try:
                return await self._open(account, credentials, proven)
            except Stale:
                # A password that was changed since it was checked lets nobody in: that ended the sessions of others.
                if await self._accounts.password_hash(account.user_id) != proven:
                    account, proven = await self._authenticated(credentials, known=known)
        raise errors.unavailable(Reason.OVERLOADED, "too many log-ins of this user at once", retry_after=1.0)

    async def _known(self, credentials: Credentials) -> bool:
        """Whether the device proves that this account knows it: then its try is counted as its own."""
        account = await self._accounts.named(fold(credentials.username))
        # Without an account the same is read and reckoned: how long it takes must not tell who exists.
        user_id, device_id = account.user_id if account else UserId(""), DeviceId(credentials.device_id)
        password_hash = await self._accounts.password_hash(user_id)
        known = self._keys.proves(credentials.device_key, user_id, device_id, password_hash)
        if known:
            self._throttle.take_known(user_id, device_id)
        return known

    async def _authenticated(self, credentials: Credentials, *, known: bool) -> tuple[Account, str]:
        """The account, and the hash that its password was found to be of."""
        account = await self._accounts.named(fold(credentials.username))
        # Without an account a hash is computed all the same: how long it takes must not tell who exists.
        password_hash = await self._accounts.password_hash(account.user_id) if account else ""
        password = normalised(credentials.password)
        if not await self._passwords.verify(password_hash, password, known=known) or account is None:
            raise bad_credentials()
        if account.state is not UserState.ACTIVE:
            raise suspended()
        if self._passwords.outdated(password_hash):
            password_hash = await self._rehash(account, password_hash, password)
        return account, password_hash

    async def _rehash(self, account: Account, before: str, password: str) -> str:
        after = await self._passwords.hash(password)
        with contextlib.suppress(Stale):  # changed meanwhile, so it has the new parameters already
            await self._sessions.commit(SessionChange(password=(account.user_id, before, after)))
            return after
        return before

    async def _open(self, account: Account, credentials: Credentials, proven: str) -> LoggedIn:
        live = await self._sessions.live(account.user_id, self._clock.now_ms())
        for session in live:
            if session.request_key == credentials.request_key:
                return await self._repeat(account, session, proven)
        token = self._issuer.first(self._ids.new("s"))
        session = await self._session(account, credentials, token)
        ended = displaced(self._rules, live, session)
        await self._sessions.commit(_opening(session, ended, proven))
        await self._ending.announce(ended, SessionEnd.DISPLACED)
        return await self._opened(account, session, token, proven)

    async def _repeat(self, account: Account, session: Session, proven: str) -> LoggedIn:
        token = self._issuer.first(session.session_id)
        renewed = session.reissued(token, self._clock.now_ms())
        unchanged = (account.user_id, proven, proven)
        await self._sessions.commit(SessionChange(renewed=(session, renewed), password=unchanged))
        return await self._opened(account, renewed, token, proven)

    async def _opened(self, account: Account, session: Session, token: str, proven: str) -> LoggedIn:
        tokens = await self._issuer.tokens(session, token)
        return LoggedIn(tokens, account, session, self._keys.of(account.user_id, session.device_id, proven))

    async def _session(self, account: Account, credentials: Credentials, token: str) -> Session:
        now = self._clock.now_ms()
        return Session(
            session_id=session_of(token),
            user_id=account.user_id,
            device_id=await self._device(account, credentials.device_id),
            device=credentials.device,
            created_at_ms=now,
            last_seen_at_ms=now,
            last_address=credentials.address,
            expires_at_ms=now + SESSION_MS,
            refresh_hash=token_hash(token),
            request_key=credentials.request_key,
        )

    async def _device(self, account: Account, device_id: str) -> DeviceId:
        """The device that was named if it is this user's, else a new one: which of them is not said."""
        if device_id and await self._sessions.owner(DeviceId(device_id)) == account.user_id:
            return DeviceId(device_id)
        return DeviceId(self._ids.new("d"))


def _opening(session: Session, ended: list[Session], proven: str) -> SessionChange:
    # A device that logs in again ended its own session: nobody needs to be told of that.
    others = [one for one in ended if one.device_id != session.device_id]
    return SessionChange(
        opened=session,
        ended=tuple(one.session_id for one in ended),
        ended_at_ms=session.created_at_ms,
        end=SessionEnd.DISPLACED,
        password=(session.user_id, proven, proven),
        notices=(*notices_of(others, SessionEvent.DISPLACED), *notices_of([session], SessionEvent.STARTED)),
    )
