"""Values of the domain as messages of the contract, and settings the other way."""

from collections.abc import Callable, Collection
from dataclasses import asdict, replace
from typing import Any, Final

from parley.group.v1 import group_pb2, member_pb2
from svc_group.domain.ban import Ban
from svc_group.domain.group import Announcement, Group, GroupLimits, HistoryVisibility, JoinPolicy, Role, Settings
from svc_group.domain.member import GroupView, JoinRequest, Link, Member, Skipped

_DEFAULT: Final = Settings("")
_PLAIN: Final = (
    "name",
    "avatar_media_id",
    "introduction",
    "join_question",
    "mute_all",
    "hide_members",
    "member_receipts",
    "slow_mode_seconds",
)
_ENUMS: Final[dict[str, Callable[[int], object]]] = {
    "join_policy": JoinPolicy,
    "history_visibility": HistoryVisibility,
    "invite_role": Role,
    "mention_all_role": Role,
    "pin_role": Role,
}


def settings(message: group_pb2.GroupSettings) -> Settings:
    """The settings that a client wants; what is not set has its default."""
    return edited(_DEFAULT, message, (*_PLAIN, *_ENUMS))


def edited(before: Settings, message: group_pb2.GroupSettings, paths: Collection[str]) -> Settings:
    """The settings with the named fields taken from the message; an empty one goes back to its default."""
    values: dict[str, Any] = {path: _value(message, path) for path in paths}
    return replace(before, **values)


def _value(message: group_pb2.GroupSettings, path: str) -> object:
    value = getattr(message, path)
    if path not in _ENUMS:
        return value
    return _ENUMS[path](value) if value else getattr(_DEFAULT, path)


def group(view: GroupView, member_limit: int) -> group_pb2.Group:
    """A group as its caller may see it."""
    shown = view.group
    return group_pb2.Group(
        group_id=shown.id,
        settings=_settings(shown.settings),
        owner_id=shown.owner_id,
        member_count=shown.member_count,
        member_limit=shown.limits.members(member_limit),
        state=group_pb2.GroupState.ValueType(shown.state),
        created_at_ms=shown.created_at_ms,
        version=shown.version,
        announcement=_announced(shown, view.acknowledged_count),
        own=own(view.own) if view.own and view.own.present else None,
        limits=group_pb2.GroupLimits(**asdict(shown.limits)) if shown.limits != GroupLimits() else None,
    )


def announcement(announced: Announcement, acknowledged_count: int = 0) -> group_pb2.Announcement:
    """An announcement."""
    return group_pb2.Announcement(
        number=announced.number,
        text=announced.text,
        required_reading=announced.required_reading,
        author_id=announced.author_id,
        created_at_ms=announced.created_at_ms,
        acknowledged_count=acknowledged_count,
    )


def own(place: Member) -> group_pb2.OwnMembership:
    """The caller's own membership."""
    return group_pb2.OwnMembership(
        role=role(place.role),
        nickname=place.nickname,
        remark=place.remark,
        muted_until_ms=place.muted_until_ms,
        joined_at_ms=place.joined_at_ms,
        acknowledged_announcement=place.acknowledged,
    )


def member(place: Member) -> member_pb2.Member:
    """A member as other members see them."""
    return member_pb2.Member(
        group_id=place.group_id,
        user_id=place.user_id,
        role=role(place.role),
        nickname=place.nickname,
        display_name=place.display_name,
        joined_at_ms=place.joined_at_ms,
        inviter_id=place.inviter_id,
        muted_until_ms=place.muted_until_ms,
        acknowledged_announcement=place.acknowledged,
        version=place.version,
    )


def join_request(request: JoinRequest) -> member_pb2.JoinRequest:
    """A join request."""
    return member_pb2.JoinRequest(
        group_id=request.group_id,
        user_id=request.user_id,
        inviter_id=request.inviter_id,
        answer=request.answer,
        state=member_pb2.JoinRequestState.ValueType(request.state),
        created_at_ms=request.created_at_ms,
        decided_by=request.decided_by,
        decided_at_ms=request.decided_at_ms,
    )


def invitation(link: Link, web_address: str) -> member_pb2.Invitation:
    """A link; its `url` begins with the web address of the installation."""
    return member_pb2.Invitation(
        invitation_id=link.id,
        group_id=link.group_id,
        token=link.token,
        url=web_address + link.token,
        creator_id=link.creator_id,
        created_at_ms=link.created_at_ms,
        expires_at_ms=link.expires_at_ms,
        max_uses=link.max_uses,
        use_count=link.use_count,
        needs_approval=link.needs_approval,
        revoked_at_ms=link.revoked_at_ms,
    )


def ban(kept: Ban) -> member_pb2.Ban:
    """A ban."""
    return member_pb2.Ban(
        group_id=kept.group_id,
        user_id=kept.user_id,
        banned_by=kept.banned_by,
        created_at_ms=kept.created_at_ms,
        expires_at_ms=kept.expires_at_ms,
        reason=kept.reason,
    )


def skipped(skip: Skipped) -> member_pb2.SkippedMember:
    """A user who was passed over."""
    cause = member_pb2.SkippedMember.Cause.ValueType(skip.cause)
    return member_pb2.SkippedMember(user_id=skip.user_id, cause=cause)


def role(value: Role) -> group_pb2.Role.ValueType:
    """A role: both sides have the same numbers."""
    return group_pb2.Role.ValueType(value)


def _announced(shown: Group, acknowledged_count: int) -> group_pb2.Announcement | None:
    return announcement(shown.announcement, acknowledged_count) if shown.announcement else None


def _settings(shown: Settings) -> group_pb2.GroupSettings:
    values: dict[str, Any] = {name: getattr(shown, name) for name in (*_PLAIN, *_ENUMS)}
    return group_pb2.GroupSettings(**values)
