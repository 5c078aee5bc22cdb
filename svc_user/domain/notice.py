"""What users' personal logs are told. Kinds have the numbers of the contract."""

from dataclasses import dataclass
from enum import IntEnum

from svc_user.domain.account import UserId


class FriendEvent(IntEnum):
    """What happened between two users."""

    REQUESTED = 1
    ACCEPTED = 2
    REFUSED = 3
    WITHDRAWN = 4
    DELETED = 5
    UPDATED = 6
    BLOCKED = 7
    UNBLOCKED = 8


class SessionEvent(IntEnum):
    """What happened to a session."""

    STARTED = 1
    REVOKED = 2
    LOGGED_OUT = 3
    DISPLACED = 4
    RENAMED = 5


@dataclass(frozen=True, slots=True)
class FriendNotice:
    """For `owner_id`: something happened with `user_id`; `own` when the owner did it."""

    owner_id: UserId
    event: FriendEvent
    user_id: UserId
    own: bool
    request_id: str = ""
    greeting: str = ""


@dataclass(frozen=True, slots=True)
class SessionNotice:
    """For `owner_id`: a session of theirs began or ended."""

    owner_id: UserId
    event: SessionEvent
    session_id: str
    device_id: str
    device_name: str


@dataclass(frozen=True, slots=True)
class ProfileNotice:
    """For `owner_id`: their profile or their settings have this version now; 0 for the one that did not change."""

    owner_id: UserId
    version: int
    settings_version: int = 0


Notice = FriendNotice | SessionNotice | ProfileNotice


def both(
    event: FriendEvent, actor: UserId, other: UserId, request_id: str = "", greeting: str = ""
) -> tuple[FriendNotice, FriendNotice]:
    """The notices of something that both sides learn of."""
    return (
        FriendNotice(actor, event, other, own=True, request_id=request_id, greeting=greeting),
        FriendNotice(other, event, actor, own=False, request_id=request_id, greeting=greeting),
    )
