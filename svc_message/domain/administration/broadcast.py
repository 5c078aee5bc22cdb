"""Texts to everybody: where a broadcast stands, and its store port."""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Protocol

from mesh import errors
from mesh.errors import MeshError
from svc_message.domain.conversation import UserId
from svc_message.domain.reasons import Reason


class BroadcastState(IntEnum):
    """Where a broadcast stands. The numbers are those of the contract and of the store."""

    RUNNING = 1
    DONE = 2
    CANCELLED = 3


@dataclass(frozen=True, slots=True)
class Broadcast:
    """A text to everybody. Users have it in the order of their ids, up to `reached`; `request` names the act."""

    broadcast_id: str
    request: str
    text: str
    admin_id: str
    created_at_ms: int
    state: BroadcastState = BroadcastState.RUNNING
    reached: UserId = UserId("")
    written: int = 0

    def further(self, users: list[UserId], *, last: bool) -> "Broadcast":
        """The broadcast after these users have it."""
        reached = users[-1] if users else self.reached
        state = BroadcastState.DONE if last else self.state
        return replace(self, reached=reached, written=self.written + len(users), state=state)


class Broadcasts(Protocol):
    """Where broadcasts are kept. UNAVAILABLE when the store cannot answer."""

    async def add(self, broadcast: Broadcast) -> Broadcast:
        """Keep a broadcast and return it, or the one that the same request made."""

    async def latest(self, limit: int) -> list[Broadcast]:
        """The newest first."""

    async def get(self, broadcast_id: str) -> Broadcast | None:
        """One broadcast."""

    async def running(self) -> list[Broadcast]:
        """Those that go on, the oldest first."""

    async def advance(self, before: Broadcast, after: Broadcast) -> bool:
        """Keep how far it came; False when it is not where `before` was, or does not go on any more."""


class People(Protocol):
    """Who there is, as the user service knows it."""

    async def after(self, user_id: UserId, limit: int) -> list[UserId]:
        """Ids of people who can log in, in their order, after this one. UNAVAILABLE."""

    async def system(self) -> UserId:
        """The account that the installation writes as; it is made when there is none. UNAVAILABLE."""


def no_such_broadcast() -> MeshError:
    """The error for an id without a broadcast."""
    return errors.not_found(Reason.BROADCAST_NOT_FOUND, "no such broadcast")
