"""Groups: what admins edit, the announcement, and whether others may know of them."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, NewType

GroupId = NewType("GroupId", str)
"""Also the id of the group's conversation."""
UserId = NewType("UserId", str)


class Role(IntEnum):
    """Roles by rising rights. The numbers are those of the contract and of the store."""

    MEMBER = 1
    ADMIN = 2
    OWNER = 3


class GroupState(IntEnum):
    """Whether a group can be used."""

    ACTIVE = 1
    DISSOLVED = 2
    SUSPENDED = 3


class JoinPolicy(IntEnum):
    """How one becomes a member."""

    OPEN = 1
    APPROVAL = 2
    INVITED = 3
    CLOSED = 4


class HistoryVisibility(IntEnum):
    """Which messages from before joining a member sees."""

    JOINED = 1
    ALL = 2


@dataclass(frozen=True, slots=True)
class Settings:
    """What admins edit; the defaults are those of the contract."""

    name: str
    avatar_media_id: str = ""
    introduction: str = ""
    join_policy: JoinPolicy = JoinPolicy.INVITED
    join_question: str = ""
    history_visibility: HistoryVisibility = HistoryVisibility.JOINED
    invite_role: Role = Role.MEMBER
    mention_all_role: Role = Role.ADMIN
    pin_role: Role = Role.ADMIN
    mute_all: bool = False
    hide_members: bool = False
    member_receipts: bool = False
    slow_mode_seconds: int = 0

    @property
    def mention_all_open(self) -> bool:
        """Whether every member may mention everyone."""
        return self.mention_all_role is Role.MEMBER

    @property
    def pin_open(self) -> bool:
        """Whether every member may pin messages."""
        return self.pin_role is Role.MEMBER


@dataclass(frozen=True, slots=True)
class Announcement:
    """A text that admins put in front of all members; `number` rises by one with each new one of a group."""

    number: int
    text: str
    required_reading: bool
    author_id: UserId
    created_at_ms: int


MAX_SLOW_MODE_S: Final = 3_600
MAX_LINKS: Final = 50
"""Links that lead into a group at a time, unless an administrator set another number."""


@dataclass(frozen=True, slots=True)
class GroupLimits:
    """What administrators of the installation set for one group. 0 is what holds for all."""

    member_limit: int = 0
    slow_mode_min_seconds: int = 0
    slow_mode_max_seconds: int = 0
    link_limit: int = 0

    @property
    def slow_mode(self) -> tuple[int, int]:
        """The shortest and the longest slow mode, seconds."""
        return self.slow_mode_min_seconds, self.slow_mode_max_seconds or MAX_SLOW_MODE_S

    @property
    def links(self) -> int:
        """The most links at a time."""
        return self.link_limit or MAX_LINKS

    def members(self, installation: int) -> int:
        """The most members, where the installation allows so many."""
        return self.member_limit or installation


@dataclass(frozen=True, slots=True)
class Group:
    """A group. `version` rises with settings, owner, announcement and state, not with members coming and going."""

    id: GroupId
    settings: Settings
    owner_id: UserId
    member_count: int
    created_at_ms: int
    version: int = 1
    state: GroupState = GroupState.ACTIVE
    announcement: Announcement | None = None
    announcement_count: int = field(default=0)
    """How many announcements there were, taken away ones included."""
    limits: GroupLimits = GroupLimits()

    @property
    def dissolved(self) -> bool:
        """Its owner ended it."""
        return self.state is GroupState.DISSOLVED

    @property
    def suspended(self) -> bool:
        """An administrator of the installation closed it for a time."""
        return self.state is GroupState.SUSPENDED

    @property
    def joinable(self) -> bool:
        """Anyone may join or ask to: such a group may be known of."""
        return self.state is GroupState.ACTIVE and self.settings.join_policy in (JoinPolicy.OPEN, JoinPolicy.APPROVAL)

    @property
    def history_visible(self) -> bool:
        """New members see what was written before they came."""
        return self.settings.history_visibility is HistoryVisibility.ALL
