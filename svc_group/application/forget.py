"""Forget a deleted user: take them out of their groups, pass on what they owned, and keep none of their names."""

from collections.abc import Collection
from dataclasses import replace
from functools import partial
from typing import Final

from mesh.clock import Clock
from svc_group.application.commit import Commit
from svc_group.application.depart import ended
from svc_group.application.govern import dissolved, handed_on
from svc_group.domain.changes import Change
from svc_group.domain.group import Group, GroupId, Role, UserId
from svc_group.domain.member import WAITING, Ending, JoinRequest, JoinRequestState, Member
from svc_group.domain.ports import (
    Decision,
    Directory,
    Groups,
    Mark,
    MemberFilter,
    Members,
    Need,
    Place,
    RequestFilter,
    Scene,
    WaysIn,
)

PAGE: Final = 100
"""Groups, requests and links that are read at a time."""


class Forgetting:
    """Takes users out. What it does again does nothing, so whoever calls it may call until it succeeds."""

    def __init__(
        self,
        commit: Commit,
        groups: Groups,
        members: Members,
        ways_in: WaysIn,
        directory: Directory,
        clock: Clock,
    ) -> None:
        self._directory = directory
        self._commit = commit
        self._groups = groups
        self._members = members
        self._ways_in = ways_in
        self._clock = clock

    async def forget(self, user_id: UserId) -> int:
        """Forget a user; return how many groups this call took them out of."""
        left, mark = 0, Mark()
        while True:
            changed = await self._groups.of_user(user_id, mark, PAGE)
            for _, view in changed.views:
                left += await self._leave(view.group.id, user_id)
            if len(changed.views) < PAGE:
                break
            mark = changed.views[-1][0]
        await self._forget_requests(user_id)
        return left

    async def _leave(self, group_id: GroupId, user_id: UserId) -> int:
        """End the place and take its names away; an owner's group goes to the person who has been longest in it, admins
        first. One in which only programs are left is dissolved.
        """
        await self._revoke_links(group_id, user_id)
        while True:
            heir_id, passed = await self._heir(group_id, user_id)
            users = [user_id, *([heir_id] if heir_id else [])]
            need = Need(group_id, users, everyone=bool(passed) and heir_id is None)
            decide = partial(_decide, user_id=user_id, heir_id=heir_id, passed=passed)
            ended_here = await self._commit.change(need, decide)
            if ended_here is not None:
                return ended_here

    async def _heir(self, group_id: GroupId, user_id: UserId) -> tuple[UserId | None, set[UserId]]:
        """Who is next after an owner, and who stands before them and cannot be; nobody after who owns nothing."""
        place = await self._members.one(group_id, user_id)
        if place is None or place.role is not Role.OWNER:
            return None, set()
        passed, after = {user_id}, Place()
        while members := await self._members.page(group_id, MemberFilter(), after, PAGE):
            programs = await self._directory.programs([member.user_id for member in members])
            for member in members:
                if member.user_id not in programs and member.user_id != user_id:
                    return member.user_id, passed
                passed.add(member.user_id)
            after = Place(Role.OWNER - members[-1].role, members[-1].joined_at_ms, members[-1].user_id)
        return None, passed

    async def _revoke_links(self, group_id: GroupId, user_id: UserId) -> None:
        now = self._clock.now_ms()
        for link in await self._ways_in.links(group_id, user_id, now, "", PAGE):

            def decide(scene: Scene) -> Decision[None]:
                if scene.link is None or scene.link.revoked_at_ms:
                    return Decision(None)
                return Decision(None, Change(link=replace(scene.link, revoked_at_ms=now)))

            await self._commit.change(Need(link_id=link.id), decide)

    async def _forget_requests(self, user_id: UserId) -> None:
        before = (0, "")
        while True:
            found = await self._ways_in.join_requests(RequestFilter(user_id=user_id), before, PAGE)
            for request in found:
                await self._forget_request(request)
            if len(found) < PAGE:
                return
            before = (found[-1].created_at_ms, found[-1].group_id + found[-1].user_id)

    async def _forget_request(self, seen: JoinRequest) -> None:
        now = self._clock.now_ms()

        def decide(scene: Scene) -> Decision[None]:
            request = scene.join_requests.get(seen.user_id)
            after = replace(request, answer="") if request else None
            if request and after and request.state in WAITING:
                state = JoinRequestState.REFUSED
                after = replace(after, state=state, decided_by=seen.user_id, decided_at_ms=now)
            return Decision(None, Change(join_requests=(after,)) if after and after != request else Change())

        await self._commit.change(Need(seen.group_id, [seen.user_id]), decide)


def _decide(scene: Scene, user_id: UserId, heir_id: UserId | None, passed: Collection[UserId]) -> Decision[int | None]:
    """How many memberships end; None when the heir went meanwhile, and another one is to be found."""
    group, place = scene.group, scene.places.get(user_id)
    if group is None or place is None:
        return Decision(0)
    if not place.present:
        nameless = _nameless(place)
        return Decision(0, Change(members=(nameless,)) if nameless != place else Change())
    if place.role is not Role.OWNER:
        return Decision(1, _without(ended(group, user_id, Ending.LEFT, [place]), user_id))
    if heir_id is None:
        alone = bool(scene.everyone) and all(member.user_id in passed for member in scene.everyone)
        return Decision(1, _without(dissolved(group, scene), user_id)) if alone else Decision(None)
    heir = scene.places.get(heir_id)
    if heir is None or not heir.present:
        return Decision(None)
    return Decision(1, _inherited(group, place, heir))


def _inherited(group: Group, place: Member, heir: Member) -> Change:
    handed = handed_on(group, place, heir)
    if handed.group is None:
        raise AssertionError("handing on changes the group")
    gone = ended(handed.group, place.user_id, Ending.LEFT, [handed.members[0]])
    members = (*(one for one in handed.members if one.user_id != place.user_id), *gone.members)
    return _without(replace(gone, members=members, entries=(*handed.entries, *gone.entries)), place.user_id)


def _without(change: Change, user_id: UserId) -> Change:
    """The change without the names of this user. Nobody reads their personal log any more, so it gets nothing."""
    members = tuple(_nameless(member) if member.user_id == user_id else member for member in change.members)
    entries = tuple(entry for entry in change.entries if getattr(entry, "user_id", "") != user_id)
    return replace(change, members=members, entries=entries)


def _nameless(place: Member) -> Member:
    return replace(place, display_name="", nickname="", remark="")
