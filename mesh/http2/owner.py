"""A connection and whoever has it, a listener or a dialler: what they ask of each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mesh.http2 import vigil

if TYPE_CHECKING:
    import asyncio

    from mesh.http2.exchange import Exchange


@dataclass(frozen=True, slots=True)
class Limits:
    """What one end takes on. With an `age_s` of 0 connections last as long as their peers live.

    A peer that was silent for `ping_s` is pinged, and is gone when it says nothing for `answer_s` more.
    """

    max_message: int
    """Bytes."""
    max_connections: int
    max_streams: int
    age_s: float
    ping_s: float = vigil.PING_S
    answer_s: float = vigil.ANSWER_S


class Peer(Protocol):
    """A connection, as its owner sees it."""

    def look(self, now: float) -> float:
        """See to it that the peer lives, and does not stay for ever; return when to look again."""

    def leave(self) -> None:
        """Ask the peer to go when its RPCs are over."""

    def stop(self) -> None:
        """End all RPCs with UNAVAILABLE, and hang up when it was sent."""

    def abort(self) -> None:
        """Hang up at once."""


class Owner(Protocol):
    """Whoever has connections."""

    limits: Limits

    def age(self) -> float:
        """After how many seconds a new connection is asked to go, infinity for never."""

    def entered(self, connection: Peer, look: float) -> bool:
        """Count a new connection, to be looked at at this time; return whether there is room for it."""

    def left(self, connection: Peer) -> None:
        """Forget a connection."""

    def start(self, exchange: Exchange) -> asyncio.Task[None]:
        """Serve an RPC."""
