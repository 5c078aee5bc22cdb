"""Reactions to one post: what follows from the entries that add and remove them, and how many there may be."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from mesh import errors
from mesh.errors import MeshError
from svc_message.domain.conversation import Seq, UserId
from svc_message.domain.reasons import Reason

MAX_NAMES: Final = 50
"""Different reactions of one post."""

MAX_OF_USER: Final = 20
"""Different reactions of one user to one post."""


class Given(NamedTuple):
    """One reaction of one user."""

    user_id: UserId
    name: str
    seq: Seq
    at_ms: int


@dataclass(slots=True)
class Reactions:
    """The reactions to one post after its changes up to `reached`."""

    reached: Seq = Seq(0)
    _given: dict[tuple[str, UserId], Given] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._given)

    def __iter__(self) -> Iterator[Given]:
        """In the order in which they were given."""
        return iter(self._given.values())

    def take(self, given: Given, *, removed: bool) -> None:
        """Take in the next change. Saying the same twice changes nothing."""
        self.reached = given.seq
        if removed:
            self._given.pop((given.name, given.user_id), None)
        else:
            self._given.setdefault((given.name, given.user_id), given)

    def counts(self) -> dict[str, int]:
        """How many users gave each, the one that came first in front."""
        counts: dict[str, int] = {}
        for name, _ in self._given:
            counts[name] = counts.get(name, 0) + 1
        return counts

    def has(self, user_id: UserId, name: str) -> bool:
        """Whether this user gave this one."""
        return (name, user_id) in self._given

    def refuse(self, user_id: UserId, name: str) -> MeshError | None:
        """The reason why the user may not add this one; None when they may."""
        if self.has(user_id, name):
            return None
        counts = self.counts()
        if name not in counts and len(counts) >= MAX_NAMES:
            return _full(f"a post has at most {MAX_NAMES} different reactions: use one that is there")
        if sum(self.has(user_id, one) for one in counts) >= MAX_OF_USER:
            return _full(f"you have {MAX_OF_USER} reactions to this post: take one away first")
        return None


def _full(message: str) -> MeshError:
    return errors.precondition(Reason.REACTION_LIMIT_REACHED, message)
