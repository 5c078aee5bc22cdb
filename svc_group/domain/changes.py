"""What happened to a group, as its log and its members' personal logs tell it.

The order of these values is the order of the log. A group has up to 10,000 members, so whatever lists users is cut
into entries of at most `CHUNK` of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final, TypeVar

from svc_group.domain.ban import Ban
from svc_group.domain.group import Group, GroupId, Settings, UserId
from svc_group.domain.member import Ending, JoinRequest, Link, Member

T = TypeVar("T")

CHUNK: Final = 1_000
"""Users in one entry: about 25 KB, well below what one message of the mesh may hold."""


class Cause(IntEnum):
    """Why membership changed. The numbers are those of `MembershipChange.Cause`."""

    CREATED = 1
    INVITED = 2
    JOINED = 3
    LEFT = 4
    KICKED = 5
    DISSOLVED = 6
    UPDATED = 7


class NoticeKind(IntEnum):
    """What a personal log is told. The numbers are those of `GroupNotice.Kind`."""

    ADDED = 1
    REMOVED = 2
    INVITED = 3
    JOIN_REQUESTED = 4
    JOIN_REFUSED = 5
    DISSOLVED = 6


@dataclass(frozen=True, slots=True)
class MembershipChanged:
    """Members came, went or changed."""

    group_id: GroupId
    actor_id: UserId
    cause: Cause
    added: tuple[Member, ...] = ()
    removed: tuple[UserId, ...] = ()
    updated: tuple[Member, ...] = ()
    history_visible: bool = False


@dataclass(frozen=True, slots=True)
class GroupChanged:
    """Settings or the announcement changed; None: this did not."""

    group_id: GroupId
    actor_id: UserId
    name: str | None = None
    announcement: str | None = None
    announcement_required: bool | None = None
    avatar_media_id: str | None = None
    muted_all: bool | None = None
    mention_all_open: bool | None = None
    introduction: str | None = None
    pin_open: bool | None = None
    slow_mode_seconds: int | None = None
    member_receipts: bool | None = None
    suspended: bool | None = None


@dataclass(frozen=True, slots=True)
class Notified:
    """Something that concerns one user alone, for their personal log."""

    user_id: UserId
    actor_id: UserId
    kind: NoticeKind
    group_id: GroupId
    group_name: str


LogEntry = MembershipChanged | GroupChanged | Notified


@dataclass(frozen=True, slots=True)
class Remembered:
    """The answer to a request id, so that repeating the request repeats the answer."""

    user_id: UserId
    request_id: str
    fingerprint: str
    """Hash of what was asked for: other content under the same id is refused."""
    answer: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Change:
    """All that one act changes; the store keeps it, and what it owes to the logs, in one transaction."""

    group: Group | None = None
    members: tuple[Member, ...] = ()
    join_requests: tuple[JoinRequest, ...] = ()
    link: Link | None = None
    remembered: Remembered | None = None
    entries: tuple[LogEntry, ...] = ()
    bans: tuple[Ban, ...] = ()


def added(group: Group, actor_id: UserId, cause: Cause, members: Sequence[Member]) -> tuple[LogEntry, ...]:
    """The entries for new members: first the group's, then one notice for each of them."""
    changed = [
        MembershipChanged(group.id, actor_id, cause, added=chunk, history_visible=group.history_visible)
        for chunk in _chunks(members)
    ]
    return (*changed, *_notices(group, actor_id, NoticeKind.ADDED, [member.user_id for member in members]))


def removed(group: Group, actor_id: UserId, ending: Ending, user_ids: Sequence[UserId]) -> tuple[LogEntry, ...]:
    """The entries for members whose membership ended: first the group's, then one notice for each of them."""
    cause = Cause(ending.value)
    kind = NoticeKind.DISSOLVED if ending is Ending.DISSOLVED else NoticeKind.REMOVED
    changed = [MembershipChanged(group.id, actor_id, cause, removed=chunk) for chunk in _chunks(user_ids)]
    return (*changed, *_notices(group, actor_id, kind, user_ids))


def updated(group: Group, actor_id: UserId, *members: Member) -> tuple[LogEntry, ...]:
    """The entry for members whose role, nickname or mute changed."""
    return (MembershipChanged(group.id, actor_id, Cause.UPDATED, updated=members),)


def notified(group: Group, actor_id: UserId, kind: NoticeKind, user_ids: Sequence[UserId]) -> tuple[LogEntry, ...]:
    """Notices alone: asking and refusing change no membership."""
    return tuple(_notices(group, actor_id, kind, user_ids))


def founded(group: Group, actor_id: UserId, members: Sequence[Member]) -> tuple[LogEntry, ...]:
    """The first entries of a group: its members, then its picture and the settings that the message service keeps to,
    when not the default.
    """
    entries = added(group, actor_id, Cause.CREATED, members)
    changed = replace(_rights(group, actor_id), avatar_media_id=group.settings.avatar_media_id or None)
    if changed == GroupChanged(group.id, actor_id):
        return entries
    count = len(members)
    return (*entries[:-count], changed, *entries[-count:])


def edited(group: Group, actor_id: UserId, before: Settings) -> tuple[LogEntry, ...]:
    """The entry for new settings; one that the log has no field for leaves it empty: read the group again."""
    after = group.settings
    entry = GroupChanged(
        group.id,
        actor_id,
        name=_new(before.name, after.name),
        avatar_media_id=_new(before.avatar_media_id, after.avatar_media_id),
        muted_all=_new(before.mute_all, after.mute_all),
        mention_all_open=_new(before.mention_all_open, after.mention_all_open),
        introduction=_new(before.introduction, after.introduction),
        pin_open=_new(before.pin_open, after.pin_open),
        slow_mode_seconds=_new(before.slow_mode_seconds, after.slow_mode_seconds),
        member_receipts=_new(before.member_receipts, after.member_receipts),
    )
    return (entry,)


def announced(group: Group, actor_id: UserId) -> tuple[LogEntry, ...]:
    """The entry for a new announcement, or for none any more."""
    now = group.announcement
    text, required = (now.text, now.required_reading) if now else ("", False)
    return (GroupChanged(group.id, actor_id, announcement=text, announcement_required=required),)


def suspended(group: Group, actor_id: UserId) -> tuple[LogEntry, ...]:
    """The entry for a group that is closed for a time, or open again."""
    return (GroupChanged(group.id, actor_id, suspended=group.suspended),)


def _rights(group: Group, actor_id: UserId) -> GroupChanged:
    """What of the settings says who may write what and whose receipts are shown, where it is not the default."""
    settings = group.settings
    return GroupChanged(
        group.id,
        actor_id,
        muted_all=settings.mute_all or None,
        mention_all_open=settings.mention_all_open or None,
        pin_open=settings.pin_open or None,
        slow_mode_seconds=settings.slow_mode_seconds or None,
        member_receipts=settings.member_receipts or None,
    )


def _new(before: T, after: T) -> T | None:
    return None if before == after else after


def _chunks(items: Sequence[T]) -> Iterator[tuple[T, ...]]:
    for start in range(0, len(items), CHUNK):
        yield tuple(items[start : start + CHUNK])


def _notices(group: Group, actor_id: UserId, kind: NoticeKind, user_ids: Sequence[UserId]) -> list[Notified]:
    return [Notified(user_id, actor_id, kind, group.id, group.settings.name) for user_id in user_ids]
