"""What two users are to each other: friendship, requests, blocks. Values only; `friendship` has the rules."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Final, NewType

from mesh import errors
from mesh.errors import MeshError
from mesh.visible import visible
from svc_user.domain.account import UserId, invalid_field
from svc_user.domain.reasons import Reason

FriendRequestId = NewType("FriendRequestId", str)

REQUEST_MS: Final = 30 * 86_400_000
"""How long a request waits for its answer: 30 days."""

KEPT_MS: Final = 90 * 86_400_000
"""How long an answered request is listed: 90 days."""

MAX_FRIENDS: Final = 5_000
"""Friends of a person; an assistant has no such limit."""

MAX_BLOCKED: Final = 1_000
"""Users that one user may block."""


class Standing(IntEnum):
    """What the other is to the owner. The numbers are those of the store."""

    NONE = 0
    FRIEND = 1
    ENDED_BY_OTHER = 2
    REMOVED = 3
    """Was a friend: remembered, so that the owner's devices learn that the entry went away."""


@dataclass(frozen=True, slots=True)
class Side:
    """What one user keeps about another. `version` is that of the owner's friend list at the last change of it."""

    owner_id: UserId
    other_id: UserId
    standing: Standing = Standing.NONE
    remark: str = ""
    tags: tuple[str, ...] = ()
    starred: bool = False
    since_ms: int = 0
    version: int = 0
    blocked_at_ms: int = 0

    @property
    def friend(self) -> bool:
        """Whether the two are friends, as this side has it."""
        return self.standing is Standing.FRIEND

    @property
    def listed(self) -> bool:
        """Whether the owner's friend list shows the other."""
        return self.standing in (Standing.FRIEND, Standing.ENDED_BY_OTHER)

    @property
    def blocked(self) -> bool:
        """Whether the owner blocked the other."""
        return self.blocked_at_ms > 0

    def same_entry(self, before: "Side") -> bool:
        """Whether the friend list shows the same as before: a block does not show in it."""
        return replace(self, blocked_at_ms=before.blocked_at_ms) == before


class RequestState(IntEnum):
    """Where a request stands. The numbers are those of the contract and of the store."""

    PENDING = 1
    ACCEPTED = 2
    REFUSED = 3
    CANCELLED = 4
    EXPIRED = 5


@dataclass(frozen=True, slots=True)
class FriendRequest:
    """One user's wish to be another's friend. `silent`: refused without telling the sender."""

    request_id: FriendRequestId
    sender_id: UserId
    receiver_id: UserId
    greeting: str
    remark: str
    """The sender's name for the friend, from the moment they are friends."""
    created_at_ms: int
    state: RequestState = RequestState.PENDING
    silent: bool = False
    answered_at_ms: int = 0

    def open_at(self, now_ms: int) -> bool:
        """Whether the receiver may still answer it."""
        return self.state is RequestState.PENDING and now_ms < self.created_at_ms + REQUEST_MS

    def seems_open_at(self, now_ms: int) -> bool:
        """Whether the sender believes that it waits: it does, or it was refused silently."""
        return self.as_sender().open_at(now_ms)

    def as_sender(self) -> "FriendRequest":
        """The request as its sender sees it."""
        if self.state is RequestState.REFUSED and self.silent:
            return replace(self, state=RequestState.PENDING, answered_at_ms=0)
        return self

    def shown_to(self, viewer_id: str, now_ms: int) -> "FriendRequest":
        """The request as one of its two sides sees it now."""
        seen = self.as_sender() if viewer_id == self.sender_id else self
        ended = seen.created_at_ms + REQUEST_MS
        if seen.state is RequestState.PENDING and now_ms >= ended:
            return replace(seen, state=RequestState.EXPIRED, answered_at_ms=ended)
        return seen

    def decided(self, state: RequestState, now_ms: int, *, silent: bool = False) -> "FriendRequest":
        """The request after an answer or a cancellation."""
        return replace(self, state=state, answered_at_ms=now_ms, silent=silent)


@dataclass(frozen=True, slots=True)
class Pair:
    """Everything between two users, seen from one of them: both sides and the latest request each way.

    It is loaded, changed and saved as one: `revision` says which state a change is based on.
    The counts are those of the moment it was loaded.
    """

    mine: Side
    theirs: Side
    sent: FriendRequest | None = None
    received: FriendRequest | None = None
    revision: int = 0
    my_friends: int = field(default=0, compare=False)
    their_friends: int = field(default=0, compare=False)
    my_blocked: int = field(default=0, compare=False)

    @property
    def friends(self) -> bool:
        """Whether the two are friends; it always holds both ways."""
        return self.mine.friend and self.theirs.friend


def checked_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """The labels as they are kept: trimmed, each once, in the order given. INVALID_REQUEST for a blank one."""
    kept = tuple(dict.fromkeys(tag.strip() for tag in tags))
    if not all(map(visible, kept)):
        raise invalid_field("friend.tags", "each with at least one character that can be seen")
    return kept


def friend_not_found() -> MeshError:
    """The error for someone who is not in the caller's friend list."""
    return errors.not_found(Reason.FRIEND_NOT_FOUND, "you are not friends")


def request_not_found() -> MeshError:
    """The error for a request that is not there or somebody else's; which is not said."""
    return errors.not_found(Reason.FRIEND_REQUEST_NOT_FOUND, "no such friend request to or from you")


def request_closed() -> MeshError:
    """The error for a request that was decided in another way."""
    return errors.precondition(Reason.FRIEND_REQUEST_CLOSED, "the friend request was decided already")


def version_conflict() -> MeshError:
    """The error for a change that is based on an older version."""
    return errors.aborted(Reason.VERSION_CONFLICT, "it changed meanwhile: read it again and repeat")


def self_named() -> MeshError:
    """The error for a user who named themself."""
    return errors.invalid(Reason.FRIEND_SELF, "you named yourself")
