"""Who makes the call that is being answered, and until when they will wait."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["anonymous", "user", "service", "admin", "bot"]


@dataclass(frozen=True, slots=True)
class Caller:
    """The proven identity behind a call; what is not proven is empty.

    `address` is the IP address of the peer, without a port ("unix" for a local socket).
    `expires_at_ms` is when the token ends (Unix ms, 0 without one): a long stream must ask again then.
    """

    kind: Kind = "anonymous"
    user_id: str = ""
    device_id: str = ""
    session_id: str = ""
    service: str = ""
    address: str = ""
    expires_at_ms: int = 0
    scopes: frozenset[int] = frozenset()
    """What the token of a bot allows: numbers of `parley.access.v1.Scope`. Nobody else's says."""

    @property
    def key(self) -> str:
        """Whom a limit counts against: the user, else the service, else the address."""
        return self.user_id or self.service or self.address


ANONYMOUS: Final = Caller()

# Seconds on the event loop's clock by which the call being answered must end, None without one.
# Set for each call by the server, read by the client, so that a call made on behalf of another never outlives it.
call_deadline: ContextVar[float | None] = ContextVar("call_deadline", default=None)
