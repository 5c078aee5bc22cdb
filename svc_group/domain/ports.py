"""What the group service needs from outside, as specifications that each adapter is held to."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from svc_group.domain.ban import Ban
from svc_group.domain.changes import Change, Remembered
from svc_group.domain.group import Group, GroupId, Role, UserId
from svc_group.domain.member import GroupView, JoinRequest, Link, Member, Person

T = TypeVar("T")
Answer_co = TypeVar("Answer_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Need:
    """What a decision has to see."""

    group_id: GroupId | None = None
    user_ids: Collection[UserId] = ()
    """Whose places, join requests, bans and numbers of groups."""
    everyone: bool = False
    """All present members."""
    admins: bool = False
    """The owner and the admins."""
    request: tuple[UserId, str] | None = None
    """An answer that was remembered for this user and request id."""
    token: str = ""
    """The link with this token; the group is then the one it leads to."""
    link_id: str = ""
    """The link with this id; likewise."""
    bans: bool = False
    """How many bans of the group hold."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a decision sees: one moment of the store."""

    group: Group | None = None
    places: Mapping[UserId, Member] = field(default_factory=dict)
    join_requests: Mapping[UserId, JoinRequest] = field(default_factory=dict)
    group_counts: Mapping[UserId, int] = field(default_factory=dict)
    """In how many groups each of them is."""
    everyone: Sequence[Member] = ()
    admin_ids: Sequence[UserId] = ()
    remembered: Remembered | None = None
    link: Link | None = None
    live_links: int = 0
    """Links of the group that are neither revoked nor expired."""
    bans: Mapping[UserId, Ban] = field(default_factory=dict)
    """Also those that hold no more."""
    live_bans: int = 0


@dataclass(frozen=True, slots=True)
class Decision(Generic[Answer_co]):
    """What is to change, and what the caller is told."""

    answer: Answer_co
    change: Change = field(default_factory=Change)


Decide = Callable[[Scene], Decision[T]]


class Groups(Protocol):
    """Groups with their members, as one aggregate: the only way to change anything."""

    async def change(self, need: Need, decide: Decide[T]) -> T:
        """Show `decide` the scene, keep what it changes and owe its entries to the logs, all or nothing.

        Changes of a group are serialised: what `decide` saw of it still holds when its change is kept, and a request
        that makes a group makes one. Only the numbers of groups that users are in may have changed in other groups.
        `decide` is pure and may be called more than once; what it raises undoes everything. A remembered answer is
        kept for 24 hours, and a join request for REQUEST_KEPT_MS after it was made: each change that brings one takes
        REQUESTS_DROPPED older ones away, of whatever group. Raises UNAVAILABLE when the store cannot answer.
        """

    async def look(self, need: Need, judge: Callable[[Scene], T]) -> T:
        """Show the scene without changing anything; what `judge` saw may have changed on return."""

    async def view(self, group_id: GroupId, user_id: UserId) -> GroupView | None:
        """A group and the user's place in it, also one that ended; None when there is no such group."""

    async def of_user(self, user_id: UserId, after: "Mark", limit: int) -> "Changed":
        """Groups whose place or self changed after the mark, oldest change first, at most `limit`."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the order of changes; `group_id` tells groups apart that changed together."""

    change: int = 0
    group_id: str = ""


@dataclass(frozen=True, slots=True)
class Changed:
    """Groups in the order of their last change; `own` of each tells whether the user is still in."""

    views: Sequence[tuple[Mark, GroupView]]
    newest: int
    """Position up to which every change of the store can be read: what is kept later comes after it."""


@dataclass(frozen=True, slots=True)
class MemberFilter:
    """Which members to list; all of it must hold."""

    role: Role | None = None
    text: str = ""
    """Part of nickname or display name, taken literally, case ignored."""
    not_acknowledged: int = 0
    """Only who has not confirmed the announcement with this number; 0: everyone."""
    acknowledged: int = 0
    """Only who has confirmed it; 0: everyone."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a member stands in the list: owner, admins, then the others by the time they joined."""

    rank: int = -1
    joined_at_ms: int = 0
    user_id: str = ""


class Members(Protocol):
    """Who is in a group, for reading."""

    async def page(self, group_id: GroupId, wanted: MemberFilter, after: Place, limit: int) -> list[Member]:
        """Present members after this place of the list, at most `limit`."""

    async def one(self, group_id: GroupId, user_id: UserId) -> Member | None:
        """A user's place, also one that ended."""


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """Whose join requests: those of a group, else those of a user. Times in Unix ms."""

    group_id: str = ""
    user_id: str = ""
    waiting_since_ms: int = 0
    """Only what waits for somebody and was made after this; 0: all."""


class WaysIn(Protocol):
    """Join requests and links, for reading."""

    async def join_requests(self, wanted: RequestFilter, before: tuple[int, str], limit: int) -> list[JoinRequest]:
        """The newest first, those made before (time, group and user id joined); (0, "") begins."""

    async def join_request(self, group_id: GroupId, user_id: UserId) -> JoinRequest | None:
        """One request."""

    async def link(self, token: str) -> Link | None:
        """The link with this token, whatever its state."""

    async def links(self, group_id: GroupId, creator_id: str, now_ms: int, before: str, limit: int) -> list[Link]:
        """Live links of the group, of one creator unless that is empty, ids before `before`, newest first."""


class Bans(Protocol):
    """Who may not come back, for reading."""

    async def of_group(self, group_id: GroupId, now_ms: int, before: tuple[int, str], limit: int) -> list[Ban]:
        """Bans that hold, the newest first, those made before (time, user id); (0, "") begins."""


class Directory(Protocol):
    """What the user service knows of people."""

    async def people(self, inviter_id: UserId, user_ids: Collection[UserId]) -> dict[UserId, Person]:
        """Whether each of them lets the inviter add them, in the order asked; unknown ones have Consent.UNKNOWN.

        Oneself consents. Raises UNAVAILABLE when the user service does not answer.
        """

    async def programs(self, user_ids: Collection[UserId]) -> set[UserId]:
        """Those of them that are bots or assistants, and lead no group. UNAVAILABLE as above."""

    async def bots(self, after: str, limit: int) -> list[UserId]:
        """Ids of bots after this one, rising; fewer than `limit`: there are no more. UNAVAILABLE as above."""


class Debts(Protocol):
    """Entries that are owed to the logs."""

    async def settle(self) -> None:
        """Append what is owed, now when the message service answers soon, otherwise later; never raises."""
