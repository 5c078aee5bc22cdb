"""Links into a group: make, list, revoke."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mesh import errors
from mesh.clock import Clock
from mesh.ids import Ids
from svc_group.application import paging, repeat
from svc_group.application.commit import Commit
from svc_group.domain import rules
from svc_group.domain.changes import Change, Remembered
from svc_group.domain.group import Group, GroupId, Role, UserId
from svc_group.domain.member import Link
from svc_group.domain.ports import Decision, Need, Scene, WaysIn
from svc_group.domain.reasons import Reason

DEFAULT_LIFE_MS: Final = 7 * 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class LinkWish:
    """What a link shall be; 0 is the default life, and any number of uses."""

    life_ms: int = 0
    max_uses: int = 0
    needs_approval: bool = False


class Linking:
    """Makes and ends links. `new_token` makes secrets that cannot be guessed."""

    def __init__(self, commit: Commit, ways_in: WaysIn, ids: Ids, clock: Clock, new_token: Callable[[], str]) -> None:
        self._commit = commit
        self._ways_in = ways_in
        self._ids = ids
        self._clock = clock
        self._new_token = new_token

    async def create(self, actor_id: UserId, group_id: GroupId, request_id: str, wish: LinkWish) -> Link:
        """Make a link. Raises NOT_MEMBER, ROLE_REQUIRED, REQUEST_ID_REUSED, INVITATION_LIMIT_REACHED."""
        asked = repeat.fingerprint("link", group_id, wish)
        link = self._link(actor_id, group_id, wish)

        def decide(scene: Scene) -> Decision[str]:
            group = rules.in_use(scene.group, scene.places.get(actor_id))
            actor = rules.may_invite(group, scene.places.get(actor_id))
            before = repeat.answer_of(scene.remembered, asked)
            if before is not None:
                return Decision(before)
            if scene.live_links >= group.limits.links:
                raise errors.exhausted(Reason.INVITATION_LIMIT_REACHED, "the group has as many links as it may have")
            approval = wish.needs_approval or rules.needs_approval(group, actor)
            made = replace(link, needs_approval=approval)
            remembered = Remembered(actor_id, request_id, asked, json.dumps(made.token), link.created_at_ms)
            return Decision(remembered.answer, Change(link=made, remembered=remembered))

        need = Need(group_id, [actor_id], request=(actor_id, request_id))
        token = json.loads(await self._commit.change(need, decide))
        return await self._ways_in.link(token) or link

    async def revoke(self, actor_id: UserId, link_id: str) -> None:
        """Stop a link from working. Raises INVITATION_NOT_FOUND, also for somebody else's, and GROUP_SUSPENDED."""
        now = self._clock.now_ms()

        def decide(scene: Scene) -> Decision[None]:
            place = scene.places.get(actor_id)
            if scene.link is None or scene.group is None or place is None or not place.present:
                raise _unknown_link()
            if scene.link.creator_id != actor_id and place.role is Role.MEMBER:
                raise _unknown_link()
            if scene.link.revoked_at_ms:
                return Decision(None)
            rules.open_to_all(scene.group)
            return Decision(None, Change(link=replace(scene.link, revoked_at_ms=now)))

        await self._commit.change(Need(user_ids=[actor_id], link_id=link_id), decide)

    async def page(
        self, actor_id: UserId, group_id: GroupId, page_size: int, page_token: str
    ) -> tuple[Sequence[Link], str]:
        """Live links, newest first: an admin sees all, a member their own. Raises NOT_MEMBER, PAGE_TOKEN_INVALID."""
        cursor = paging.cursor(page_token, (str,), "links", actor_id, group_id)
        _, everyone = await self._commit.look(Need(group_id, [actor_id]), lambda scene: _seer(scene, actor_id))
        size = paging.clamp(page_size)
        creator_id = "" if everyone else actor_id
        before = str(cursor[0]) if cursor else ""
        links = await self._ways_in.links(group_id, creator_id, self._clock.now_ms(), before, size + 1)
        more = paging.token([links[size - 1].id], "links", actor_id, group_id) if len(links) > size else ""
        return links[:size], more

    def _link(self, actor_id: UserId, group_id: GroupId, wish: LinkWish) -> Link:
        now = self._clock.now_ms()
        ends = now + (wish.life_ms or DEFAULT_LIFE_MS)
        return Link(self._ids.new("i"), group_id, self._new_token(), actor_id, now, ends, wish.max_uses)


def _seer(scene: Scene, actor_id: UserId) -> tuple[Group, bool]:
    group = rules.in_being(scene.group, scene.places.get(actor_id))
    return group, rules.member(group, scene.places.get(actor_id)).role is not Role.MEMBER


def _unknown_link() -> errors.MeshError:
    return errors.not_found(Reason.INVITATION_NOT_FOUND, "no such invitation")
