"""Who is logged in on this device, and what proves it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from parley.user.v1 import session_pb2


@dataclass(frozen=True, slots=True)
class Credentials:
    """A session. The tokens are secrets: they do not show when it is printed."""

    user_id: str
    username: str
    device_id: str
    session_id: str
    access_token: str = field(repr=False)
    access_expires_at_ms: int
    """Unix milliseconds, by the clock of the server."""
    refresh_token: str = field(repr=False)

    def renewed(self, tokens: session_pb2.Tokens) -> Credentials:
        """Return the same session with new tokens."""
        return replace(
            self,
            access_token=tokens.access_token,
            access_expires_at_ms=tokens.access_expires_at_ms,
            refresh_token=tokens.refresh_token,
        )
