"""A connection and whoever has it, a listener or a dialler: what they ask of each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio

    from mesh.http2.exchange import Exchange


@dataclass(frozen=True, slots=True)
class Limits:
    """What one end takes on. With an `age_s` of 0 connections last as long as their peers live."""

    max_message: int
    """Bytes."""
    max_connections: int
    max_streams: int
    age_s: float


class Peer(Protocol):
    """A connection, as its owner sees it."""

    def tick(self) -> None:
        """See to it that the peer lives, and does not stay for ever."""

    def leave(self) -> None:
        """Ask the peer to go when its RPCs are over."""

    def stop(self) -> None:
        """End all RPCs with UNAVAILABLE, and hang up when it was sent."""

    def abort(self) -> None:
        """Hang up at once."""


class Owner(Protocol):
    """Whoever has connections."""

    limits: Limits

    def age(self) -> int:
        """After how many ticks a new connection is asked to go, 0 for never."""

    def entered(self, connection: Peer) -> bool:
        """Count a new connection; return whether there is room for it."""

    def left(self, connection: Peer) -> None:
        """Forget a connection."""

    def start(self, exchange: Exchange) -> asyncio.Task[None]:
        """Serve an RPC."""
