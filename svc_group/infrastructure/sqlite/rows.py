"""Rows of the store <-> values of the domain. The order of the columns is written down here and nowhere else."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, Final

from svc_group.domain.group import Announcement, Group, GroupLimits, GroupState, Role
from svc_group.domain.member import Ending, JoinRequest, JoinRequestState, Link, Member
from svc_group.infrastructure.settings import settings_of

GROUP: Final = (
    "id, settings, owner_id, member_count, created_at_ms, version, state, announcement, announcement_count, limits"
)
MEMBER: Final = (
    "group_id, user_id, rank, joined_at_ms, display_name, nickname, remark, inviter_id, muted_until_ms, "
    "acknowledged, version, ended, bot"
)
JOIN_REQUEST: Final = "group_id, user_id, state, created_at_ms, inviter_id, answer, decided_by, decided_at_ms"
LINK: Final = (
    "id, group_id, token, creator_id, created_at_ms, expires_at_ms, max_uses, use_count, needs_approval, revoked_at_ms"
)

Cells = Sequence[Any]


def group(cells: Cells) -> Group:
    """A group from the columns GROUP."""
    id_, settings, owner_id, count, created, version, state, announcement, announcements, limits = cells
    stored = json.loads(announcement) if announcement else None
    return Group(
        id_,
        settings_of(json.loads(settings)),
        owner_id,
        count,
        created,
        version,
        GroupState(state),
        Announcement(**stored) if stored else None,
        announcements,
        GroupLimits(**json.loads(limits)) if limits else GroupLimits(),
    )


def group_cells(group: Group) -> tuple[Any, ...]:
    """The columns GROUP of a group."""
    announcement = json.dumps(asdict(group.announcement)) if group.announcement else ""
    return (
        group.id,
        json.dumps(asdict(group.settings)),
        group.owner_id,
        group.member_count,
        group.created_at_ms,
        group.version,
        group.state.value,
        announcement,
        group.announcement_count,
        json.dumps(asdict(group.limits)) if group.limits != GroupLimits() else "",
    )


def member(cells: Cells) -> Member:
    """A member from the columns MEMBER."""
    group_id, user_id, rank, *rest, ended, bot = cells
    found = Member(group_id, user_id, Role(Role.OWNER - rank), *rest)
    return replace(found, ended=Ending(ended) if ended else None, bot=bool(bot))


def member_cells(member: Member) -> tuple[Any, ...]:
    """The columns MEMBER of a member, and the folded names that a search looks at."""
    return (
        member.group_id,
        member.user_id,
        Role.OWNER - member.role,
        member.joined_at_ms,
        member.display_name,
        member.nickname,
        member.remark,
        member.inviter_id,
        member.muted_until_ms,
        member.acknowledged,
        member.version,
        member.ended.value if member.ended else 0,
        member.bot,
        f"{member.nickname}\n{member.display_name}".casefold(),
    )


def join_request(cells: Cells) -> JoinRequest:
    """A join request from the columns JOIN_REQUEST."""
    group_id, user_id, state, *rest = cells
    return JoinRequest(group_id, user_id, JoinRequestState(state), *rest)


def join_request_cells(request: JoinRequest) -> tuple[Any, ...]:
    """The columns JOIN_REQUEST of a join request."""
    return (
        request.group_id,
        request.user_id,
        request.state.value,
        request.created_at_ms,
        request.inviter_id,
        request.answer,
        request.decided_by,
        request.decided_at_ms,
    )


def link(cells: Cells) -> Link:
    """A link from the columns LINK."""
    found = Link(*cells)
    return replace(found, needs_approval=bool(found.needs_approval))


def link_cells(link: Link) -> tuple[Any, ...]:
    """The columns LINK of a link."""
    return (
        link.id,
        link.group_id,
        link.token,
        link.creator_id,
        link.created_at_ms,
        link.expires_at_ms,
        link.max_uses,
        link.use_count,
        link.needs_approval,
        link.revoked_at_ms,
    )
