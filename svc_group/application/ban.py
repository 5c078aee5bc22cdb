"""Ban users from a group: remove them if they are in, and keep them out."""

from collections.abc import Sequence
from dataclasses import replace

from mesh import errors
from mesh.clock import Clock
from svc_group.application import paging
from svc_group.application.commit import Commit
from svc_group.domain import ban as bans
from svc_group.domain import changes, rules
from svc_group.domain.ban import Ban
from svc_group.domain.changes import Change
from svc_group.domain.group import Group, GroupId, Role, UserId
from svc_group.domain.member import WAITING, Consent, Ending, JoinRequest, JoinRequestState, Member
from svc_group.domain.ports import Bans, Decision, Directory, Need, Scene
from svc_group.domain.reasons import Reason


class Banning:
    """Keeps users out of groups."""

    def __init__(self, commit: Commit, kept: Bans, directory: Directory, clock: Clock) -> None:
        self._commit = commit
        self._bans = kept
        self._directory = directory
        self._clock = clock

    async def ban(self, actor_id: UserId, group_id: GroupId, user_id: UserId, duration_ms: int, reason: str) -> Ban:
        """Remove a user, if a member, and keep them out; 0 is for good. A later call replaces duration and reason.

        Raises ROLE_REQUIRED, ROLE_TOO_HIGH, USER_NOT_FOUND, KICK_SELF, BAN_LIMIT_REACHED.
        """
        if actor_id == user_id:
            raise errors.invalid(Reason.KICK_SELF, "you named yourself; leave the group instead")
        need = Need(group_id, [actor_id, user_id], bans=True)
        if not await self._commit.look(need, lambda scene: _known(scene, actor_id, user_id)):
            await self._find(actor_id, user_id)
        now = self._clock.now_ms()
        wanted = Ban(group_id, user_id, actor_id, now, bans.end_of(now, duration_ms), reason)
        return await self._commit.change(need, lambda scene: _decide(scene, wanted, now))

    async def unban(self, actor_id: UserId, group_id: GroupId, user_id: UserId) -> None:
        """Let a banned user join again. Doing it twice is no error. Raises ROLE_REQUIRED."""
        now = self._clock.now_ms()

        def decide(scene: Scene) -> Decision[None]:
            _ranked(scene, actor_id)
            kept = scene.bans.get(user_id)
            if kept is None or not kept.holds(now):
                return Decision(None)
            return Decision(None, Change(bans=(replace(kept, lifted=True),)))

        await self._commit.change(Need(group_id, [actor_id, user_id]), decide)

    async def page(
        self, actor_id: UserId, group_id: GroupId, page_size: int, page_token: str
    ) -> tuple[Sequence[Ban], str]:
        """The bans that hold, newest first, and the token of the next page.

        Raises ROLE_REQUIRED, PAGE_TOKEN_INVALID.
        """
        cursor = paging.cursor(page_token, (int, str), "bans", actor_id, group_id)
        await self._commit.look(Need(group_id, [actor_id]), lambda scene: _seer(scene, actor_id))
        size = paging.clamp(page_size)
        before = (int(cursor[0]), str(cursor[1])) if cursor else (0, "")
        found = await self._bans.of_group(group_id, self._clock.now_ms(), before, size + 1)
        last = found[size - 1] if len(found) > size else None
        token = paging.token([last.created_at_ms, last.user_id], "bans", actor_id, group_id) if last else ""
        return found[:size], token

    async def _find(self, actor_id: UserId, user_id: UserId) -> None:
        people = await self._directory.people(actor_id, [user_id])
        if people[user_id].consent is Consent.UNKNOWN:
            raise errors.not_found(Reason.USER_NOT_FOUND, "no such user")


def _ranked(scene: Scene, actor_id: UserId) -> tuple[Group, Member]:
    group = rules.in_use(scene.group, scene.places.get(actor_id))
    return group, rules.ranked(group, scene.places.get(actor_id), Role.ADMIN)


def _seer(scene: Scene, actor_id: UserId) -> Member:
    """Who may look, also while nothing may be changed."""
    group = rules.in_being(scene.group, scene.places.get(actor_id))
    return rules.ranked(group, scene.places.get(actor_id), Role.ADMIN)


def _known(scene: Scene, actor_id: UserId, user_id: UserId) -> bool:
    """Judged before the user service is asked, which a stranger could else use as a directory of their own."""
    _ranked(scene, actor_id)
    return user_id in scene.places or user_id in scene.bans


def _decide(scene: Scene, wanted: Ban, now: int) -> Decision[Ban]:
    group, actor = _ranked(scene, wanted.banned_by)
    place, kept = scene.places.get(wanted.user_id), scene.bans.get(wanted.user_id)
    if place is not None and place.present and place.role >= actor.role:
        raise rules.role_too_high()
    held = kept is not None and kept.holds(now)
    if not held and scene.live_bans >= bans.MAX_LIVE:
        raise errors.exhausted(Reason.BAN_LIMIT_REACHED, "the group has as many bans as it may have")
    return Decision(wanted, replace(_removal(group, scene, wanted, now), bans=(wanted,)))


def _removal(group: Group, scene: Scene, ban: Ban, now: int) -> Change:
    """What banning ends: the membership, and a wish to be in."""
    request, place = scene.join_requests.get(ban.user_id), scene.places.get(ban.user_id)
    refused: tuple[JoinRequest, ...] = ()
    if request is not None and request.at(now) in WAITING:
        state = JoinRequestState.REFUSED
        refused = (replace(request, state=state, decided_by=ban.banned_by, decided_at_ms=now),)
    if place is None or not place.present:
        return Change(join_requests=refused)
    after = replace(group, member_count=group.member_count - 1)
    ended = replace(place, ended=Ending.KICKED, version=place.version + 1)
    entries = changes.removed(after, ban.banned_by, Ending.KICKED, [ban.user_id])
    return Change(after, (ended,), join_requests=refused, entries=entries)
