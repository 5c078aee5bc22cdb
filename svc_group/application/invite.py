"""Invite users: add those who let the caller, ask the others, or ask the admins."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mesh.clock import Clock
from svc_group.application.commit import Commit
from svc_group.application.limits import Limits
from svc_group.domain import changes, rules
from svc_group.domain.changes import Cause, Change, LogEntry, NoticeKind
from svc_group.domain.group import Group, GroupId, UserId
from svc_group.domain.intake import Intake, sort
from svc_group.domain.member import WAITING, JoinRequest, JoinRequestState, Person, Skipped
from svc_group.domain.ports import Decision, Directory, Need, Scene


@dataclass(frozen=True, slots=True)
class Invited:
    """What became of each."""

    added: Sequence[UserId]
    pending: Sequence[JoinRequest]
    skipped: Sequence[Skipped]


class Inviting:
    """Brings users in on behalf of a member."""

    def __init__(self, commit: Commit, directory: Directory, clock: Clock, limits: Limits) -> None:
        self._commit = commit
        self._directory = directory
        self._clock = clock
        self._limits = limits

    async def invite(self, actor_id: UserId, group_id: GroupId, user_ids: Sequence[UserId], greeting: str) -> Invited:
        """Add or ask users. Raises NOT_MEMBER, ROLE_REQUIRED, GROUP_CLOSED."""
        named = list(dict.fromkeys(user_ids))
        need = Need(group_id, [actor_id, *named], admins=True)
        # Judged before asking the user service, which a stranger could else use as a directory of their own.
        await self._commit.look(Need(group_id, [actor_id]), lambda scene: _admit(scene, actor_id))
        people = list((await self._directory.people(actor_id, named)).values())
        now = self._clock.now_ms()
        return await self._commit.change(need, lambda scene: self._decide(scene, actor_id, people, greeting, now))

    def _decide(
        self, scene: Scene, actor_id: UserId, people: Sequence[Person], greeting: str, now: int
    ) -> Decision[Invited]:
        group, approval = _admit(scene, actor_id)
        most, each = group.limits.members(self._limits.members), self._limits.groups_per_user
        intake = sort(group, actor_id, people, scene, most, each, now, approval=approval)
        asked = [replace(ask, answer=greeting) if _new(ask, scene) else ask for ask in intake.asked]
        invited = Invited([member.user_id for member in intake.members], asked, intake.skipped)
        return Decision(invited, _change(group, actor_id, intake, asked, scene, now))


def _admit(scene: Scene, actor_id: UserId) -> tuple[Group, bool]:
    """The group, and whether an admin has to approve of those whom this caller brings."""
    place = scene.places.get(actor_id)
    group = rules.in_use(scene.group, place)
    actor = rules.may_invite(group, place)
    return group, rules.needs_approval(group, actor)


def _fresh(ask: JoinRequest, scene: Scene) -> bool:
    return scene.join_requests.get(ask.user_id) != ask


def _new(ask: JoinRequest, scene: Scene) -> bool:
    """Made now, and not one that another member made before: nobody is told of it twice."""
    before = scene.join_requests.get(ask.user_id)
    return before is None or (before.created_at_ms, before.state) != (ask.created_at_ms, ask.state)


def _change(
    group: Group, actor_id: UserId, intake: Intake, asked: Sequence[JoinRequest], scene: Scene, now: int
) -> Change:
    fresh = tuple(ask for ask in asked if _fresh(ask, scene))
    if not intake.members and not fresh:
        return Change()
    after = replace(group, member_count=group.member_count + len(intake.members))
    settled = _settled([member.user_id for member in intake.members], actor_id, scene, now)
    entries = (
        *changes.added(after, actor_id, Cause.INVITED, intake.members),
        *_asking(after, actor_id, [ask for ask in fresh if _new(ask, scene)], scene),
    )
    return Change(after, tuple(intake.members), join_requests=(*fresh, *settled), entries=entries)


def _settled(added: Sequence[UserId], actor_id: UserId, scene: Scene, now: int) -> list[JoinRequest]:
    """The requests of those who came in another way meanwhile: they wait for nobody any more."""
    requests = [scene.join_requests[user_id] for user_id in added if user_id in scene.join_requests]
    return [
        replace(request, state=JoinRequestState.ACCEPTED, decided_by=actor_id, decided_at_ms=now)
        for request in requests
        if request.at(now) in WAITING
    ]


def _asking(group: Group, actor_id: UserId, fresh: Sequence[JoinRequest], scene: Scene) -> tuple[LogEntry, ...]:
    users = [ask.user_id for ask in fresh if ask.state is JoinRequestState.AWAITING_USER]
    notices = changes.notified(group, actor_id, NoticeKind.INVITED, users)
    if len(users) == len(fresh):
        return notices
    # One notice for each admin, however many are waiting: the list says who.
    return (*notices, *changes.notified(group, actor_id, NoticeKind.JOIN_REQUESTED, scene.admin_ids))
