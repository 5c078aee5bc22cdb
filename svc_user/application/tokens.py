"""The pair of tokens that a session is given."""

from collections.abc import Callable
from dataclasses import dataclass

from svc_user.domain.account import suspended
from svc_user.domain.oversight import Oversight
from svc_user.domain.ports import AccessTokens
from svc_user.domain.session import RefreshChain, Session


@dataclass(frozen=True, slots=True, repr=False)
class Tokens:
    """What proves a session; times in Unix ms. Not shown by repr, since both are secrets."""

    access_token: str
    access_expires_at_ms: int
    refresh_token: str
    refresh_expires_at_ms: int


class Issuer:
    """Makes tokens. `secret` gives 256 random bits in hex."""

    def __init__(
        self, access: AccessTokens, oversight: Oversight, chain: RefreshChain, secret: Callable[[], str]
    ) -> None:
        self._access = access
        self._oversight = oversight
        self._secret = secret
        self.chain = chain

    def first(self, session_id: str) -> str:
        """The refresh token that a new chain begins with."""
        return self.chain.first(session_id, self._secret())

    async def tokens(self, session: Session, refresh_token: str) -> Tokens:
        """A new access token with the refresh token that the session, which is kept already, has now. USER_SUSPENDED.

        Whoever suspends a user or takes a role writes that first and ends the kept sessions then, and here it is read
        after the session was kept: so no token of an open session says what is no longer so.
        """
        status = await self._oversight.status(session.user_id)
        if status is None or not status.active:
            raise suspended()
        access = self._access.access(session.user_id, session.device_id, session.session_id, admin=status.admin)
        return Tokens(access.token, access.expires_at_ms, refresh_token, session.expires_at_ms)
