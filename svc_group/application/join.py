"""Join a group: by its id, by a link, by accepting an invitation, or by asking and being let in."""

from dataclasses import replace

from mesh import errors
from mesh.clock import Clock
from svc_group.application.commit import Commit
from svc_group.application.limits import Allowance, Limits
from svc_group.domain import changes, rules
from svc_group.domain.changes import Cause, Change, NoticeKind
from svc_group.domain.group import Group, GroupId, JoinPolicy, Role, UserId
from svc_group.domain.intake import joined
from svc_group.domain.member import WAITING, Consent, GroupView, JoinRequest, JoinRequestState, Link, Person
from svc_group.domain.ports import Decision, Directory, Need, Scene, WaysIn
from svc_group.domain.reasons import Reason


class Joining:
    """Lets users in who want to be in."""

    def __init__(
        self,
        commit: Commit,
        ways_in: WaysIn,
        directory: Directory,
        clock: Clock,
        limits: Limits,
        wrong_tokens: Allowance,
    ) -> None:
        self._commit = commit
        self._ways_in = ways_in
        self._directory = directory
        self._clock = clock
        self._limits = limits
        self._wrong_tokens = wrong_tokens

    async def by_id(self, user_id: UserId, group_id: GroupId, answer: str) -> GroupView | JoinRequest:
        """Join an open group, accept an invitation, or ask the admins. Being a member already is no error.

        Raises JOIN_REFUSED, GROUP_FULL, GROUP_LIMIT_REACHED.
        """
        person = await self._person(user_id)
        now = self._clock.now_ms()
        asked = await self._ways_in.join_request(group_id, user_id)
        inviters = [UserId(asked.inviter_id)] if asked and asked.inviter_id else []

        def decide(scene: Scene) -> Decision[JoinRequest | None]:
            place = scene.places.get(user_id)
            invited = rules.invited(scene.join_requests.get(user_id), now)
            group = rules.in_use(scene.group, place, shown_in=invited)
            if place is not None and place.present:
                return Decision(None)
            rules.not_banned(scene.bans.get(user_id), now)
            if _vouched(group, scene, user_id, now):
                return self._enter(group, person, scene, now)
            return self._knock(group, person, answer, scene, now)

        waiting = await self._commit.change(Need(group_id, [user_id, *inviters], admins=True), decide)
        return waiting or await self._commit.view(group_id, user_id)

    async def by_token(self, user_id: UserId, token: str, answer: str) -> GroupView | JoinRequest:
        """Join with a link. Being a member already is no error, and does not use it up.

        Raises INVITATION_INVALID, INVITATION_EXPIRED, INVITATION_USED_UP, JOIN_REFUSED, GROUP_FULL,
        GROUP_LIMIT_REACHED, RATE_LIMITED (too many wrong tokens).
        """
        person = await self._person(user_id)
        now = self._clock.now_ms()
        found = await self._ways_in.link(token)
        asked = await self._ways_in.join_request(found.group_id, user_id) if found else None
        inviters = [UserId(one) for one in (found and found.creator_id, asked and asked.inviter_id) if one]

        def decide(scene: Scene) -> Decision[tuple[GroupId, JoinRequest | None]]:
            link = rules.usable(scene.link, now)
            place = scene.places.get(user_id)
            group = rules.in_use(scene.group, place, shown_in=True)
            if place is not None and place.present:
                return Decision((group.id, None))
            rules.not_banned(scene.bans.get(user_id), now)
            link = rules.leading(group, link, scene.places.get(link.creator_id))
            return self._follow(group, link, person, answer, scene, now)

        try:
            need = Need(user_ids=[user_id, *inviters], admins=True, token=token)
            group_id, waiting = await self._commit.change(need, decide)
        except errors.MeshError as error:
            if error.reason == Reason.INVITATION_INVALID:
                self._wrong_tokens.take(user_id)
            raise
        return waiting or await self._commit.view(group_id, user_id)

    async def decline(self, user_id: UserId, group_id: GroupId) -> None:
        """Refuse an invitation. Doing it twice is no error. Raises GROUP_NOT_FOUND when there was none."""
        now = self._clock.now_ms()

        def decide(scene: Scene) -> Decision[None]:
            request = scene.join_requests.get(user_id)
            if scene.group is None or request is None:
                raise rules.unknown_group()
            if request.at(now) is not JoinRequestState.AWAITING_USER:
                return Decision(None)
            return Decision(None, Change(join_requests=(_decided(request, user_id, now, accept=False),)))

        await self._commit.change(Need(group_id, [user_id]), decide)

    async def answer(self, actor_id: UserId, group_id: GroupId, user_id: UserId, *, accept: bool) -> JoinRequest:
        """Let somebody in who asked, or refuse. Giving the same answer again is no error.

        Raises ROLE_REQUIRED, JOIN_REQUEST_NOT_FOUND, JOIN_REQUEST_CLOSED, GROUP_FULL, GROUP_CLOSED, GROUP_LIMIT_REACHED
        (of who asked), USER_NOT_FOUND (the account that asked is no more: refuse the request).
        """
        person = (await self._directory.people(actor_id, [user_id]))[user_id]
        now = self._clock.now_ms()

        def decide(scene: Scene) -> Decision[JoinRequest]:
            group = rules.in_use(scene.group, scene.places.get(actor_id))
            rules.ranked(group, scene.places.get(actor_id), Role.ADMIN)
            request = scene.join_requests.get(user_id)
            if not rules.decidable(request, now, accept=accept) or request is None:
                return Decision(_known(request))
            decided = _decided(request, actor_id, now, accept=accept)
            place = scene.places.get(user_id)
            if not accept or (place is not None and place.present):
                refused = changes.notified(group, actor_id, NoticeKind.JOIN_REFUSED, [] if accept else [user_id])
                return Decision(decided, Change(join_requests=(decided,), entries=refused))
            if person.consent is Consent.UNKNOWN:
                raise errors.not_found(Reason.USER_NOT_FOUND, "this account is no more; refuse the request")
            entered = self._let_in(group, person, scene, now, actor_id)
            return Decision(decided, replace(entered.change, join_requests=(decided,)))

        return await self._commit.change(Need(group_id, [actor_id, user_id]), decide)

    async def _person(self, user_id: UserId) -> Person:
        people = await self._directory.people(user_id, [user_id])
        return replace(people[user_id], consent=Consent.ADD)

    def _knock(self, group: Group, person: Person, answer: str, scene: Scene, now: int) -> Decision[JoinRequest | None]:
        if group.settings.join_policy is JoinPolicy.OPEN:
            return self._enter(group, person, scene, now)
        if group.settings.join_policy is not JoinPolicy.APPROVAL:
            raise rules.join_refused()
        return _ask(group, person, answer, scene, now)

    def _follow(
        self, group: Group, link: Link, person: Person, answer: str, scene: Scene, now: int
    ) -> Decision[tuple[GroupId, JoinRequest | None]]:
        if group.settings.join_policy is JoinPolicy.CLOSED:
            raise rules.join_refused()
        if link.needs_approval and not _vouched(group, scene, person.user_id, now):
            asked = _ask(group, person, answer, scene, now)
            return Decision((group.id, asked.answer), asked.change)
        entered = self._enter(group, person, scene, now, inviter_id=link.creator_id)
        # Kept as it was made: whether its creator lets in is another matter each time.
        used = replace(scene.link or link, use_count=link.use_count + 1)
        return Decision((group.id, None), replace(entered.change, link=used))

    def _let_in(
        self, group: Group, person: Person, scene: Scene, now: int, actor_id: UserId
    ) -> Decision[JoinRequest | None]:
        """Make the person a member for an admin, who is told what keeps them out in words for admins."""
        if group.settings.join_policy is JoinPolicy.CLOSED:
            raise errors.precondition(Reason.GROUP_CLOSED, "nobody joins this group")
        if scene.group_counts.get(person.user_id, 0) >= self._limits.groups_per_user:
            raise errors.exhausted(Reason.GROUP_LIMIT_REACHED, "they are in as many groups as a user may be")
        return self._enter(group, person, scene, now, actor_id=actor_id)

    def _enter(
        self, group: Group, person: Person, scene: Scene, now: int, *, inviter_id: str = "", actor_id: str = ""
    ) -> Decision[JoinRequest | None]:
        """Make the person a member; a request of theirs that waits is accepted with it."""
        if group.settings.join_policy is JoinPolicy.CLOSED:
            raise rules.join_refused()
        count = scene.group_counts.get(person.user_id, 0)
        rules.has_room(group, group.limits.members(self._limits.members), count, self._limits.groups_per_user)
        request = _unsettled(scene.join_requests.get(person.user_id), now)
        invited_by = inviter_id or (request.inviter_id if request else "")
        actor = UserId(actor_id or person.user_id)
        member = joined(group, person, now, invited_by, scene.places.get(person.user_id))
        after = replace(group, member_count=group.member_count + 1)
        accepted = (_decided(request, actor, now, accept=True),) if request else ()
        entries = changes.added(after, actor, Cause.JOINED, [member])
        return Decision(None, Change(after, (member,), join_requests=accepted, entries=entries))


def _ask(group: Group, person: Person, answer: str, scene: Scene, now: int) -> Decision[JoinRequest | None]:
    """Make a request and tell the admins; one that waits already stays as it is."""
    before = scene.join_requests.get(person.user_id)
    if before is not None and before.at(now) is JoinRequestState.PENDING:
        return Decision(before)
    invited_by = before.inviter_id if before is not None and rules.invited(before, now) else ""
    request = JoinRequest(group.id, person.user_id, JoinRequestState.PENDING, now, inviter_id=invited_by, answer=answer)
    told = changes.notified(group, person.user_id, NoticeKind.JOIN_REQUESTED, scene.admin_ids)
    return Decision(request, Change(join_requests=(request,), entries=told))


def _vouched(group: Group, scene: Scene, user_id: UserId, now: int) -> bool:
    """Whether somebody has invited this user who lets in also now."""
    request = scene.join_requests.get(user_id)
    if request is None or not rules.invited(request, now):
        return False
    return rules.lets_in(group, scene.places.get(UserId(request.inviter_id)))


def _unsettled(request: JoinRequest | None, now: int) -> JoinRequest | None:
    return request if request is not None and request.at(now) in WAITING else None


def _decided(request: JoinRequest, by: UserId, now: int, *, accept: bool) -> JoinRequest:
    state = JoinRequestState.ACCEPTED if accept else JoinRequestState.REFUSED
    return replace(request, state=state, decided_by=by, decided_at_ms=now)


def _known(request: JoinRequest | None) -> JoinRequest:
    if request is None:
        raise errors.not_found(Reason.JOIN_REQUEST_NOT_FOUND, "no such request to join")
    return request
