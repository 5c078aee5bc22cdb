"""Sessions of devices, and the chain of refresh tokens that keeps one alive."""

import hashlib
import hmac
import unicodedata
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, NewType

from mesh import errors
from mesh.errors import MeshError
from mesh.session_end import SessionEnd
from mesh.visible import visible
from svc_user.domain.account import UserId, invalid_field
from svc_user.domain.reasons import Reason

DeviceId = NewType("DeviceId", str)
SessionId = NewType("SessionId", str)

SESSION_MS: Final = 30 * 86_400_000
"""How long a session lasts without a refresh: 30 days."""

GRACE_MS: Final = 30_000
"""How long a spent refresh token still answers with its successor, for an answer that was lost."""

MAX_CHAIN: Final = 4_096
"""Refreshes looked back on to tell a replay from a forgery: 42 days of one each 15 minutes; about 4 ms at worst."""

_ID_LENGTH: Final = 16
_SECRET_LENGTH: Final = 64  # 256 bits in hex


@dataclass(frozen=True, slots=True)
class Device:
    """What a client tells of the installation it runs in; `platform` is the number of the contract."""

    platform: int
    name: str = ""
    model: str = ""
    app_version: str = ""
    os_version: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """One device that is, or was, logged in. `refresh_hash` is SHA-256 of its latest refresh token."""

    session_id: SessionId
    user_id: UserId
    device_id: DeviceId
    device: Device
    created_at_ms: int
    last_seen_at_ms: int
    last_address: str
    expires_at_ms: int
    refresh_hash: bytes
    request_key: bytes
    """What names the log-in that opened it, so that the same one finds it again."""
    generation: int = 0
    """How often it was refreshed since the tokens were last made anew."""
    rotated_at_ms: int = 0
    ended_at_ms: int = 0
    end: SessionEnd = SessionEnd.UNKNOWN
    """Why it ended."""

    def live(self, now_ms: int) -> bool:
        """Whether it is neither ended nor expired."""
        return self.ended_at_ms == 0 and now_ms < self.expires_at_ms

    def reissued(self, token: str, now_ms: int) -> "Session":
        """The session with a new chain of tokens; the old chain is worth nothing any more."""
        fresh = replace(self, refresh_hash=token_hash(token), generation=0, rotated_at_ms=0)
        return fresh.seen(now_ms, self.last_address)

    def rotated(self, token: str, now_ms: int, address: str) -> "Session":
        """The session after its latest token was spent for `token`."""
        return replace(
            self.seen(now_ms, address),
            refresh_hash=token_hash(token),
            generation=self.generation + 1,
            rotated_at_ms=now_ms,
        )

    def seen(self, now_ms: int, address: str) -> "Session":
        """The session after a sign of life, which gives it its full time again."""
        return replace(self, last_seen_at_ms=now_ms, last_address=address, expires_at_ms=now_ms + SESSION_MS)


class Presented(Enum):
    """What a refresh token is to its session."""

    LATEST = "latest"
    JUST_SPENT = "just spent"
    REPLAYED = "replayed"
    UNKNOWN = "unknown"


class RefreshChain:
    """Makes refresh tokens, each after the first one by HMAC from the one before it.

    So a lost answer can be given again, and any spent token can be told from a forged one, while the store holds one
    hash for each session. Neither the store nor the key alone yields a token.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def first(self, session_id: str, secret: str) -> str:
        """The first token of a chain; `secret` is 256 random bits in hex."""
        return f"{session_id}{secret}"

    def after(self, token: str) -> str:
        """The token that follows."""
        digest = hmac.digest(self._key, token.encode(), "sha256")
        return f"{session_of(token)}{digest.hex()}"

    def judge(self, session: Session, token: str, now_ms: int) -> Presented:
        """Say what this token is to the session."""
        if hmac.compare_digest(token_hash(token), session.refresh_hash):
            return Presented.LATEST
        for step in range(min(session.generation, MAX_CHAIN)):
            token = self.after(token)
            if hmac.compare_digest(token_hash(token), session.refresh_hash):
                recent = step == 0 and now_ms - session.rotated_at_ms <= GRACE_MS
                return Presented.JUST_SPENT if recent else Presented.REPLAYED
        return Presented.UNKNOWN


def token_hash(token: str) -> bytes:
    """What the store keeps of a refresh token. It has 256 random bits, so one fast hash is enough."""
    return hashlib.sha256(token.encode()).digest()


def session_of(token: str) -> SessionId:
    """The session that a refresh token belongs to; REFRESH_TOKEN_INVALID for what is none of ours."""
    if len(token) != _ID_LENGTH + _SECRET_LENGTH or not token.isascii():
        raise refresh_invalid()
    return SessionId(token[:_ID_LENGTH])


def checked_name(name: str) -> str:
    """The name of a device as it is kept: in NFC, trimmed. INVALID_REQUEST when nothing is left to see."""
    kept = unicodedata.normalize("NFC", name).strip()
    if not visible(kept):
        raise invalid_field("name", "at least one character that can be seen")
    return kept


def session_not_found() -> MeshError:
    """The error for a session that is not there or somebody else's; which is not said."""
    return errors.not_found(Reason.SESSION_NOT_FOUND, "no such session of yours")


def bad_credentials() -> MeshError:
    """The one answer for an unknown name and for a wrong password."""
    return errors.unauthenticated(Reason.BAD_CREDENTIALS, "wrong username or password")


def refresh_invalid() -> MeshError:
    """The error for a refresh token that is unknown, has ended, or belongs to another device."""
    return errors.unauthenticated(Reason.REFRESH_TOKEN_INVALID, "the refresh token is not valid")


def refresh_replayed() -> MeshError:
    """The error for a refresh token that was used before."""
    return errors.unauthenticated(Reason.REFRESH_TOKEN_REPLAYED, "the refresh token was used before; log in again")
