"""Tokens of bots: made once, listed, revoked, and traded for access tokens.

A token is a session that has no refresh token: what revokes a session, and tells gateways so, revokes it.
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mesh.clock import Clock
from mesh.ids import Ids
from mesh.session_end import SessionEnd
from svc_user.application.bots import BotKeeping
from svc_user.application.sessions import Ending
from svc_user.domain.account import Account, UserId, UserKind, UserState, suspended
from svc_user.domain.bot import (
    TOKEN_MS,
    Bot,
    Bots,
    BotToken,
    hash_of,
    id_of,
    new_token,
    proves,
    token_invalid,
    unknown_bot,
)
from svc_user.domain.notice import SessionEvent
from svc_user.domain.ports import AccessToken, AccessTokens, Accounts, SessionChange, Sessions, Stale
from svc_user.domain.session import Device, DeviceId, Session, SessionId


@dataclass(frozen=True, slots=True)
class UsedToken:
    """A token, and when it was last traded, Unix ms; 0: never."""

    bot_id: UserId
    token: BotToken
    last_used_at_ms: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class Exchanged:
    """What a program works with. Not shown by repr, since it holds a secret."""

    access: AccessToken
    account: Account
    session: Session
    scopes: Sequence[int]


class BotTokens:
    """Lets programs act as bots. `secret` gives 256 random bits in hex, `platform` is that of programs."""

    def __init__(
        self,
        keeping: BotKeeping,
        bots: Bots,
        accounts: Accounts,
        sessions: Sessions,
        access: AccessTokens,
        ending: Ending,
        ids: Ids,
        clock: Clock,
        secret: Callable[[], str],
        platform: int,
    ) -> None:
        self._keeping = keeping
        self._bots = bots
        self._accounts = accounts
        self._sessions = sessions
        self._access = access
        self._ending = ending
        self._ids = ids
        self._clock = clock
        self._secret = secret
        self._platform = platform

    async def create(self, owner_id: UserId, bot_id: UserId, name: str, scopes: Sequence[int]) -> tuple[UsedToken, str]:
        """Make a token; what is known of it, and the secret itself. Raises BOT_NOT_FOUND, BOT_TOKEN_LIMIT_REACHED."""
        await self._keeping.own(owner_id, bot_id)
        now = self._clock.now_ms()
        token_id = SessionId(self._ids.new("s"))
        kept = BotToken(token_id, name, tuple(sorted(set(scopes))), now)
        secret = new_token(token_id, self._secret())
        # A token without its session proves nothing, and can be seen and revoked; the other way it would stay for ever.
        await self._bots.change(owner_id, lambda owned: _changed(owned, bot_id, lambda bot: bot.with_token(kept)))
        await self._sessions.commit(SessionChange(opened=self._session(bot_id, kept, secret)))
        return UsedToken(bot_id, kept), secret

    async def list(self, owner_id: UserId, bot_id: UserId) -> list[UsedToken]:
        """The tokens of a bot, the oldest first. Raises BOT_NOT_FOUND."""
        bot = await self._keeping.own(owner_id, bot_id)
        live = {one.session_id: one for one in await self._sessions.live(bot_id, self._clock.now_ms())}
        return [UsedToken(bot_id, token, _last_used(live.get(token.token_id))) for token in bot.tokens]

    async def revoke(self, owner_id: UserId, bot_id: UserId, token_id: SessionId) -> None:
        """End what a token has open, and forget it. Doing it twice is no error. Raises BOT_NOT_FOUND."""
        bot = await self._keeping.own(owner_id, bot_id)
        session = await self._sessions.get(token_id)
        if session is not None and session.user_id == bot.bot_id:
            await self._ending.end((session,), SessionEvent.REVOKED, SessionEnd.REVOKED)
        await self._bots.change(
            owner_id, lambda owned: _changed(owned, bot_id, lambda bot: bot.without_token(token_id))
        )

    async def exchange(self, token: str, address: str) -> Exchanged:
        """An access token with the scopes of this token. Raises BOT_TOKEN_INVALID, USER_SUSPENDED."""
        now = self._clock.now_ms()
        session = await self._sessions.get(id_of(token))
        if session is None or not proves(token, session, now):
            raise token_invalid()
        bot = await self._bots.get(session.user_id)
        kept = bot.token(session.session_id) if bot else None
        account = await self._account(session.user_id)
        if kept is None:
            raise token_invalid()
        session = await self._seen(session, now, address)
        access = self._access.access(session.user_id, session.device_id, session.session_id, scopes=kept.scopes)
        return Exchanged(access, account, session, kept.scopes)

    async def _account(self, bot_id: UserId) -> Account:
        account = (await self._accounts.get((bot_id,))).get(bot_id)
        if account is None or account.kind is not UserKind.BOT or account.state is UserState.DELETED:
            raise token_invalid()
        if account.state is UserState.SUSPENDED:
            raise suspended()
        return account

    async def _seen(self, before: Session, now: int, address: str) -> Session:
        after = replace(before, last_seen_at_ms=now, last_address=address, expires_at_ms=now + TOKEN_MS)
        with contextlib.suppress(Stale):  # it was revoked meanwhile: who checks the access token learns of that
            await self._sessions.commit(SessionChange(renewed=(before, after)))
        return after

    def _session(self, bot_id: UserId, kept: BotToken, secret: str) -> Session:
        return Session(
            session_id=kept.token_id,
            user_id=bot_id,
            device_id=DeviceId(self._ids.new("d")),
            device=Device(self._platform, kept.name),
            created_at_ms=kept.created_at_ms,
            last_seen_at_ms=kept.created_at_ms,
            last_address="",
            expires_at_ms=kept.created_at_ms + TOKEN_MS,
            refresh_hash=hash_of(secret),
            request_key=kept.token_id.encode(),
        )


def _last_used(session: Session | None) -> int:
    """The address is there from the first exchange on."""
    return session.last_seen_at_ms if session and session.last_address else 0


def _changed(owned: Sequence[Bot], bot_id: UserId, change: Callable[[Bot], Bot]) -> Sequence[Bot]:
    if not any(bot.bot_id == bot_id for bot in owned):
        raise unknown_bot()
    return [change(bot) if bot.bot_id == bot_id else bot for bot in owned]
