"""Bots: users that other users own, and the tokens with which programs act as them."""

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from mesh import errors
from mesh.errors import MeshError
from svc_user.domain.account import UserId, check_username, invalid_field
from svc_user.domain.reasons import Reason
from svc_user.domain.session import Session, SessionId

PER_OWNER: Final = 20
"""Bots of one user, as the contract says."""

TOKENS_PER_BOT: Final = 10

TOKEN_MS: Final = 10 * 365 * 86_400_000
"""How long a token works without being used: until it is revoked, for all that matters."""

PREFIX: Final = "pb_"
"""What tokens begin with, so that scanners of leaked secrets find them."""

_ID_LENGTH: Final = 16
_SECRET_LENGTH: Final = 64  # 256 bits in hex


@dataclass(frozen=True, slots=True)
class BotToken:
    """What is known of a token; its session has the hash. `scopes` are the numbers of the contract, rising."""

    token_id: SessionId
    name: str
    scopes: tuple[int, ...]
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class Bot:
    """What makes a user a bot of its owner. Name and description are those of its account."""

    bot_id: UserId
    owner_id: UserId
    created_at_ms: int
    tokens: tuple[BotToken, ...] = ()

    def token(self, token_id: str) -> BotToken | None:
        """The token of this id."""
        return next((token for token in self.tokens if token.token_id == token_id), None)

    def with_token(self, token: BotToken) -> "Bot":
        """The bot with one more token. Raises BOT_TOKEN_LIMIT_REACHED."""
        if len(self.tokens) >= TOKENS_PER_BOT:
            raise errors.exhausted(Reason.BOT_TOKEN_LIMIT_REACHED, "the bot has as many tokens as it may have")
        return replace(self, tokens=(*self.tokens, token))

    def without_token(self, token_id: str) -> "Bot":
        """The bot without a token; itself when it has no such one."""
        return replace(self, tokens=tuple(token for token in self.tokens if token.token_id != token_id))


class Bots(Protocol):
    """Who owns which bots, and their tokens. Raises UNAVAILABLE when the store cannot answer."""

    async def of_owner(self, owner_id: UserId) -> list[Bot]:
        """The bots of a user, the oldest first."""

    async def get(self, bot_id: UserId) -> Bot | None:
        """One bot; None for a user that is none, or no more."""

    async def after(self, bot_id: str, limit: int) -> list[UserId]:
        """Ids of bots after this one, rising, at most `limit`."""

    async def change(self, owner_id: UserId, decide: Callable[[Sequence[Bot]], Sequence[Bot]]) -> None:
        """Put what `decide` makes of the bots of a user in their place, all or nothing.

        `decide` is pure and may be called more than once; what it raises undoes everything. Changes of one owner are
        serialised.
        """


def check_bot_name(username: str) -> None:
    """Raise as `check_username`, and INVALID_REQUEST for a name that does not say that it is a bot's."""
    check_username(username)
    if not username.endswith("bot"):
        raise invalid_field("username", "the name of a bot ends in `bot`")


def room_for(owned: Sequence[Bot]) -> None:
    """Raise BOT_LIMIT_REACHED when one more would be too many."""
    if len(owned) >= PER_OWNER:
        raise errors.exhausted(Reason.BOT_LIMIT_REACHED, "you have as many bots as a user may have")


def new_token(token_id: str, secret: str) -> str:
    """The token of this id; `secret` is 256 random bits in hex."""
    return f"{PREFIX}{token_id}{secret}"


def id_of(token: str) -> SessionId:
    """The id in a token. Raises BOT_TOKEN_INVALID for what is none of ours."""
    if not token.startswith(PREFIX) or len(token) != len(PREFIX) + _ID_LENGTH + _SECRET_LENGTH or not token.isascii():
        raise token_invalid()
    return SessionId(token[len(PREFIX) : len(PREFIX) + _ID_LENGTH])


def hash_of(token: str) -> bytes:
    """What the store keeps of a token: not what it keeps of a refresh token, so that none can be used as one."""
    return hashlib.sha256(f"bot\0{token}".encode()).digest()


def proves(token: str, session: Session, now_ms: int) -> bool:
    """Whether this token is the one of the session, and works."""
    return hmac.compare_digest(hash_of(token), session.refresh_hash) and session.live(now_ms)


def token_invalid() -> MeshError:
    """The one answer for a token that is unknown, revoked, or of a bot that is no more."""
    return errors.unauthenticated(Reason.BOT_TOKEN_INVALID, "the token of the bot is not valid")


def unknown_bot() -> MeshError:
    """The one answer for what is no bot, and for somebody else's."""
    return errors.not_found(Reason.BOT_NOT_FOUND, "no such bot of yours")
