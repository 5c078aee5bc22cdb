"""How far message nodes have told those who are away, kept so that another node can go on: places in the log."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from svc_message.domain.conversation import Seq, UserId


@dataclass(frozen=True, slots=True)
class PushMark:
    """A place of the feed, and when it was its end, Unix milliseconds: all before it was told, or need not be."""

    place: int
    at_ms: int


class Told(NamedTuple):
    """What somebody was told of: a conversation, or what a notice is about."""

    user_id: UserId
    subject: str


class PushMarks(Protocol):
    """The marks of all nodes, and what was told after them."""

    async def save(self, node: str, mark: PushMark, told: Mapping[Told, Seq]) -> None:
        """Put a node's mark in place of its older one, and keep how far these were told, durably.

        The mark does not stand without them; what was told only rises.
        """

    async def all(self) -> dict[str, PushMark]:
        """The mark of each node that has one."""

    async def drop(self, node: str, mark: PushMark) -> None:
        """Forget the mark of a node that is gone, unless it has another one by now."""

    async def told(self, asked: Collection[Told]) -> dict[Told, Seq]:
        """How far these were told; those of which nothing is known are left out."""

    async def forget(self, before_ms: int) -> None:
        """Forget what was told with marks that are older."""


def oldest(marks: Sequence[PushMark]) -> int:
    """When the oldest of these marks was the end of the feed, Unix milliseconds."""
    return min(mark.at_ms for mark in marks)
