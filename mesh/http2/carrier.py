"""What an RPC asks of the connection that carries it."""

from __future__ import annotations

from typing import Protocol


class Waiting(Protocol):
    """An RPC with something to send."""

    def pump(self) -> None:
        """Write as much of what waits as the windows let through."""


class Carrier(Protocol):
    """One connection."""

    blocked: dict[Waiting, None]
    """Those who wait for the peer, or for the socket, to take more: first come first served."""

    @property
    def host(self) -> str:
        """The address of the peer, `unix` for a socket of this machine."""

    @property
    def max_message(self) -> int:
        """Bytes of a message that this end takes."""

    def write(self, data: bytes) -> None:
        """Hand frames to the socket, together with what else is written in this turn of the loop."""

    def room(self) -> int:
        """Return how many bytes of a message may go now."""

    def sent(self, size: int) -> None:
        """So many bytes of messages are on their way."""

    def reset(self, stream_id: int, code: int) -> None:
        """End an RPC without a status."""

    def ended(self, stream_id: int) -> None:
        """An RPC has had its last word."""
