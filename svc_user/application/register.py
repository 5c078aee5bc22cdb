"""Make an account."""

import hashlib
from dataclasses import dataclass
from typing import Final

from mesh import errors
from mesh.clock import Clock
from mesh.errors import MeshError
from mesh.ids import Ids
from mesh.live import Live
from svc_user.application.throttle import Throttle
from svc_user.domain.account import Account, Profile, UserId, check_username, checked_profile, fold, no_such_user
from svc_user.domain.live import refused_name
from svc_user.domain.password import check_strength, normalised
from svc_user.domain.ports import Accounts, Passwords, Registration, Stale, UsernameTaken
from svc_user.domain.reasons import Reason

REMEMBERED_MS: Final = 86_400_000
"""How long a request id finds the account it made: 24 hours."""


@dataclass(frozen=True, slots=True)
class Application:
    """What someone wants an account with."""

    request_id: str
    username: str
    password: str
    display_name: str
    locale: str
    address: str

    @property
    def fingerprint(self) -> bytes:
        """What must be the same when the request is repeated, the password apart: that is compared by its slow hash."""
        return hashlib.sha256(f"{self.username}\0{self.display_name}\0{self.locale}".encode()).digest()


class Registrar:
    """Makes accounts for people."""

    def __init__(
        self, accounts: Accounts, passwords: Passwords, throttle: Throttle, live: Live, ids: Ids, clock: Clock
    ) -> None:
        self._accounts = accounts
        self._passwords = passwords
        self._throttle = throttle
        self._live = live
        self._ids = ids
        self._clock = clock

    async def register(self, application: Application) -> Account:
        """Make the account, or return the one that this same request made before.

        Raises USERNAME_TAKEN, USERNAME_RESERVED, PASSWORD_TOO_WEAK, REQUEST_ID_REUSED, INVALID_REQUEST,
        REGISTRATION_CLOSED, CONTENT_REFUSED, RATE_LIMITED, OVERLOADED.
        """
        account, password = self._checked(application)
        now = self._clock.now_ms()
        earlier = await self._accounts.registration(application.request_id, now - REMEMBERED_MS)
        if earlier is not None:
            return await self._repeat(application, earlier)
        self._refuse_unwanted(account)
        if await self._accounts.named(account.username) is not None:
            return await self._made_since(application, now, otherwise=_taken())
        return await self._add(application, account, await self._passwords.hash(password))

    def _checked(self, application: Application) -> tuple[Account, str]:
        username, now = fold(application.username), self._clock.now_ms()
        check_username(username)
        password = normalised(application.password)
        check_strength(password, username)
        profile = Profile(application.display_name, locale=application.locale)
        return Account(UserId(self._ids.new("u")), username, checked_profile(profile, username, now), now), password

    def _refuse_unwanted(self, account: Account) -> None:
        if self._live.settings.registration_closed:
            message = "this installation takes no new accounts at present"
            raise errors.precondition(Reason.REGISTRATION_CLOSED, message)
        if self._live.unwanted_name(account.username) or self._live.unwanted_name(account.profile.display_name):
            raise refused_name()

    async def _add(self, application: Application, account: Account, password_hash: str) -> Account:
        registration = Registration(
            application.request_id, application.fingerprint, account.user_id, account.created_at_ms
        )
        try:
            await self._accounts.add(account, password_hash, registration)
        except UsernameTaken:
            raise _taken() from None
        except Stale:
            return await self._made_since(application, account.created_at_ms, otherwise=_reused())
        return account

    async def _made_since(self, application: Application, now_ms: int, *, otherwise: MeshError) -> Account:
        """What the same request, sent twice at once, has made since it was looked for. Raises `otherwise`."""
        earlier = await self._accounts.registration(application.request_id, now_ms - REMEMBERED_MS)
        if earlier is None:
            raise otherwise from None
        return await self._repeat(application, earlier)

    async def _repeat(self, application: Application, earlier: Registration) -> Account:
        if earlier.fingerprint != application.fingerprint:
            raise _reused()
        # Comparing the password says whether it is right, so it counts as a try to log in.
        self._throttle.take(fold(application.username), application.address)
        password_hash = await self._accounts.password_hash(earlier.user_id)
        if not await self._passwords.verify(password_hash, normalised(application.password)):
            raise _reused()
        found = await self._accounts.get((earlier.user_id,))
        if earlier.user_id not in found:
            raise no_such_user()
        return found[earlier.user_id]


def _taken() -> MeshError:
    return errors.already_exists(Reason.USERNAME_TAKEN, "another user has this name")


def _reused() -> MeshError:
    return errors.already_exists(Reason.REQUEST_ID_REUSED, "this request id was used for another content")
