"""Members of a group, those who want to be, and the links that lead in."""

from dataclasses import dataclass, field
from enum import Enum, IntEnum

from svc_group.domain.group import Group, GroupId, Role, UserId

REQUEST_LIFE_MS = 30 * 24 * 3_600_000
"""How long a join request or an invitation waits: 30 days, as the contract says."""

REQUEST_KEPT_MS = 90 * 24 * 3_600_000
"""How long it is kept after it was made, as the contract says: by then it was answered or expired long ago."""

REQUESTS_DROPPED = 2_000
"""Old ones that go, over all groups, with a change that brings some: more than the 1,000 that one can bring."""


class Ending(IntEnum):
    """How a membership ended. The numbers are those of `MembershipChange.Cause` and of the store."""

    LEFT = 4
    KICKED = 5
    DISSOLVED = 6


@dataclass(frozen=True, slots=True)
class Member:
    """A user's place in a group, kept after it ended: who was a member may learn that the group is dissolved."""

    group_id: GroupId
    user_id: UserId
    role: Role
    joined_at_ms: int
    display_name: str = ""
    """As the user service said it when they joined."""
    nickname: str = ""
    remark: str = ""
    """The member's own name for the group, for nobody else."""
    inviter_id: str = ""
    muted_until_ms: int = 0
    acknowledged: int = 0
    """Number of the latest announcement that they confirmed."""
    version: int = 1
    ended: Ending | None = None
    bot: bool = False
    """As the user service said when they joined."""

    @property
    def present(self) -> bool:
        """Is a member now."""
        return self.ended is None


@dataclass(frozen=True, slots=True)
class GroupView:
    """A group and the caller's place in it; `own` is None for who is no member."""

    group: Group
    own: Member | None = None
    acknowledged_count: int = 0
    """How many members confirmed the announcement in force; 0 when that is not required."""


class JoinRequestState(IntEnum):
    """Where a join request stands. The numbers are those of the contract and of the store."""

    PENDING = 1
    AWAITING_USER = 2
    ACCEPTED = 3
    REFUSED = 4
    EXPIRED = 5


WAITING = frozenset({JoinRequestState.PENDING, JoinRequestState.AWAITING_USER})
"""States in which somebody has yet to decide."""


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """Someone's wish to be a member, or a member's wish that they be one."""

    group_id: GroupId
    user_id: UserId
    state: JoinRequestState
    created_at_ms: int
    inviter_id: str = ""
    answer: str = ""
    decided_by: str = ""
    decided_at_ms: int = 0

    def at(self, now_ms: int) -> JoinRequestState:
        """The state at a time: who waited too long has expired without anybody doing anything."""
        expired = self.state in WAITING and now_ms - self.created_at_ms > REQUEST_LIFE_MS
        return JoinRequestState.EXPIRED if expired else self.state


class SkipCause(IntEnum):
    """Why a user was not added or removed. The numbers are those of the contract."""

    USER_NOT_FOUND = 1
    ALREADY_MEMBER = 2
    BANNED = 3
    NOT_ALLOWED_BY_USER = 4
    GROUP_FULL = 5
    USER_GROUP_LIMIT = 6
    NOT_MEMBER = 7
    ROLE_TOO_HIGH = 8


@dataclass(frozen=True, slots=True)
class Skipped:
    """A user whom a call passed over."""

    user_id: UserId
    cause: SkipCause


class Consent(Enum):
    """What a user lets another do about groups."""

    ADD = "add"
    ASK = "ask"
    REFUSE = "refuse"
    UNKNOWN = "unknown"
    """There is no such user, or no more."""


@dataclass(frozen=True, slots=True)
class Person:
    """What the user service says of someone who is to become a member."""

    user_id: UserId
    display_name: str = ""
    consent: Consent = Consent.UNKNOWN
    bot: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """A link that lets its holder join."""

    id: str
    group_id: GroupId
    token: str = field(repr=False)
    creator_id: UserId
    created_at_ms: int
    expires_at_ms: int
    max_uses: int = 0
    """0: no limit."""
    use_count: int = 0
    needs_approval: bool = False
    revoked_at_ms: int = 0
