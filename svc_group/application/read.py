"""Read groups, members and join requests, as far as the caller may see them."""

from collections.abc import Sequence
from dataclasses import replace

from mesh import errors
from mesh.clock import Clock
from svc_group.application import paging
from svc_group.application.limits import Allowance
from svc_group.application.roster import KINDS, Roster
from svc_group.domain import rules
from svc_group.domain.group import Group, GroupId, Role, Settings, UserId
from svc_group.domain.member import (
    REQUEST_LIFE_MS,
    WAITING,
    Ending,
    GroupView,
    JoinRequest,
    JoinRequestState,
    Member,
)
from svc_group.domain.ports import Groups, MemberFilter, Members, RequestFilter, WaysIn
from svc_group.domain.reasons import Reason


class Reading:
    """Answers questions about groups."""

    def __init__(
        self, groups: Groups, members: Members, ways_in: WaysIn, clock: Clock, wrong_tokens: Allowance
    ) -> None:
        self._groups = groups
        self._members = members
        self._roster = Roster(members)
        self._ways_in = ways_in
        self._clock = clock
        self._wrong_tokens = wrong_tokens

    async def group(self, user_id: UserId, group_id: GroupId) -> GroupView:
        """The group as the caller may see it. Raises GROUP_NOT_FOUND."""
        view = await self._groups.view(group_id, user_id)
        if view is None:
            raise rules.unknown_group()
        if _belongs(view):
            return view
        invited = await self._ways_in.join_request(group_id, user_id)
        now = self._clock.now_ms()
        if view.group.joinable or rules.invited(invited, now):
            return _from_outside(view.group)
        raise rules.unknown_group()

    async def behind(self, user_id: UserId, token: str) -> GroupView:
        """The group that a link leads to. Raises INVITATION_INVALID, INVITATION_EXPIRED, INVITATION_USED_UP."""
        try:
            link = rules.usable(await self._ways_in.link(token), self._clock.now_ms())
        except errors.MeshError as error:
            if error.reason == Reason.INVITATION_INVALID:
                self._wrong_tokens.take(user_id)
            raise
        view = await self._groups.view(link.group_id, user_id)
        if view is None or (view.group.dissolved and not _belongs(view)):
            raise rules.unknown_group()
        if _belongs(view):
            return view
        rules.leading(view.group, link, await self._members.one(link.group_id, link.creator_id))
        return _from_outside(view.group)

    async def members(
        self,
        user_id: UserId,
        group_id: GroupId,
        wanted: MemberFilter,
        *,
        acknowledged: bool | None,
        page: tuple[int, str],
    ) -> tuple[Sequence[Member], str]:
        """Members: owner, admins, then the others by the time they joined; and the token of the next page.

        `acknowledged`: only who has confirmed the announcement in force, or has not; None: everyone.
        Raises MEMBERS_HIDDEN, PAGE_TOKEN_INVALID, ROLE_REQUIRED (who has confirmed is for admins).
        """
        query = ("members", user_id, group_id, wanted, acknowledged)
        page_size, page_token = page
        cursor = paging.cursor(page_token, KINDS, *query)
        viewer, group = await self._viewer(user_id, group_id)
        if acknowledged is not None:
            rules.ranked(group, viewer, Role.ADMIN)
            if group.announcement is None:
                return [], ""
            number = group.announcement.number
            has, has_not = (number, 0) if acknowledged else (0, number)
            wanted = replace(wanted, acknowledged=has, not_acknowledged=has_not)
        found, following = await self._roster.page(group_id, wanted, cursor, paging.clamp(page_size))
        token = paging.token(following, *query) if following else ""
        return [_seen_by(viewer, member) for member in found], token

    async def member(self, user_id: UserId, group_id: GroupId, other_id: UserId) -> Member:
        """One member. Raises MEMBER_NOT_FOUND, MEMBERS_HIDDEN."""
        view = await self._groups.view(group_id, user_id)
        if view is not None and other_id == user_id and view.own is not None and view.own.present:
            return view.own
        viewer, _ = await self._viewer(user_id, group_id)
        return _seen_by(viewer, rules.other_member(await self._members.one(group_id, other_id)))

    async def join_requests(
        self, user_id: UserId, group_id: str, page_size: int, page_token: str, *, pending_only: bool
    ) -> tuple[Sequence[JoinRequest], str]:
        """A group's join requests (for admins), or the caller's own; newest first. States are those of now: nobody
        waits for a dissolved group.

        Raises ROLE_REQUIRED, PAGE_TOKEN_INVALID.
        """
        query = ("requests", user_id, group_id, pending_only)
        cursor = paging.cursor(page_token, (int, str), *query)
        if group_id:
            view = await self._groups.view(GroupId(group_id), user_id)
            own = view.own if view else None
            rules.ranked(rules.in_being(view.group if view else None, own), own, Role.ADMIN)
        now = self._clock.now_ms()
        since = now - REQUEST_LIFE_MS if pending_only else 0
        wanted = RequestFilter(group_id, "" if group_id else user_id, since)
        size = paging.clamp(page_size)
        before = (int(cursor[0]), str(cursor[1])) if cursor else (0, "")
        found = await self._ways_in.join_requests(wanted, before, size + 1)
        last = found[size - 1] if len(found) > size else None
        token = paging.token([last.created_at_ms, last.group_id + last.user_id], *query) if last else ""
        ended = await self._ended(user_id, found[:size]) if not group_id else set()
        shown = [replace(request, state=_state(request, now, ended)) for request in found[:size]]
        return [one for one in shown if not pending_only or one.state in WAITING], token

    async def _ended(self, user_id: UserId, requests: Sequence[JoinRequest]) -> set[GroupId]:
        """Groups of these requests that are dissolved: nobody decides about who wanted to be in."""
        views = [await self._groups.view(one.group_id, user_id) for one in requests if one.state in WAITING]
        return {view.group.id for view in views if view is not None and view.group.dissolved}

    async def _viewer(self, user_id: UserId, group_id: GroupId) -> tuple[Member, Group]:
        view = await self._groups.view(group_id, user_id)
        if view is None or (view.group.dissolved and view.own is None):
            raise rules.unknown_group()
        if view.group.dissolved:
            raise errors.precondition(Reason.GROUP_DISSOLVED, "the group does not exist any more")
        return rules.sees_members(view.group, view.own), view.group


def _belongs(view: GroupView) -> bool:
    """A member, or one until the group was dissolved: they keep seeing what they saw."""
    return view.own is not None and (view.own.present or view.own.ended is Ending.DISSOLVED)


def _from_outside(group: Group) -> GroupView:
    """What who may join sees: name, picture, introduction, policy, question and member count."""
    shown = group.settings
    settings = Settings(
        shown.name,
        avatar_media_id=shown.avatar_media_id,
        introduction=shown.introduction,
        join_policy=shown.join_policy,
        join_question=shown.join_question,
    )
    outside = replace(group, settings=settings, owner_id=UserId(""), created_at_ms=0, version=0, announcement=None)
    return GroupView(outside)


def _state(request: JoinRequest, now: int, ended: set[GroupId]) -> JoinRequestState:
    state = request.at(now)
    return JoinRequestState.EXPIRED if state in WAITING and request.group_id in ended else state


def _seen_by(viewer: Member, member: Member) -> Member:
    """Who confirmed the announcement is for admins, and for oneself."""
    if viewer.role is not Role.MEMBER or viewer.user_id == member.user_id:
        return member
    return replace(member, acknowledged=0)
