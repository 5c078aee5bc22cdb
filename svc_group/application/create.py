"""Create a group: once for each request id, with those who let the caller add them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mesh.clock import Clock
from mesh.ids import Ids
from svc_group.application import repeat
from svc_group.application.commit import Commit
from svc_group.application.limits import Allowance, Limits
from svc_group.application.naming import Naming
from svc_group.domain import changes, rules
from svc_group.domain.avatar import Avatars
from svc_group.domain.changes import Change, NoticeKind, Remembered
from svc_group.domain.group import Group, GroupId, Role, Settings, UserId
from svc_group.domain.intake import Intake, sort
from svc_group.domain.member import GroupView, Member, Person, SkipCause, Skipped
from svc_group.domain.ports import Decision, Directory, Need, Scene


@dataclass(frozen=True, slots=True)
class Created:
    """A new group, whom it could not take in, and who was asked instead."""

    view: GroupView
    skipped: Sequence[Skipped]
    asked: Sequence[UserId]


class Creation:
    """Makes groups."""

    def __init__(
        self,
        commit: Commit,
        directory: Directory,
        avatars: Avatars,
        ids: Ids,
        clock: Clock,
        limits: Limits,
        allowance: Allowance,
        naming: Naming,
    ) -> None:
        self._commit = commit
        self._directory = directory
        self._avatars = avatars
        self._ids = ids
        self._clock = clock
        self._limits = limits
        self._allowance = allowance
        self._naming = naming

    async def create(
        self, owner_id: UserId, request_id: str, settings: Settings, user_ids: Sequence[UserId]
    ) -> Created:
        """Make a group that the caller owns.

        Raises REQUEST_ID_REUSED, GROUP_LIMIT_REACHED, RATE_LIMITED, INVALID_REQUEST (a name that shows nothing),
        CONTENT_REFUSED, and for a picture what `Avatars.check` does.
        """
        settings = rules.named(settings)
        others = [user_id for user_id in dict.fromkeys(user_ids) if user_id != owner_id]
        asked = repeat.fingerprint("create", settings, sorted(others))
        answer = await self._answer_before(owner_id, request_id, asked)
        if answer is None:
            self._naming.check(settings.name)
            if settings.avatar_media_id:
                await self._avatars.check(owner_id, settings.avatar_media_id)
            self._allowance.take(owner_id)
            answer = await self._make(owner_id, request_id, asked, settings, others)
        return await self._created(owner_id, answer)

    async def _answer_before(self, owner_id: UserId, request_id: str, asked: str) -> str | None:
        """The answer to a repeated request: that costs no allowance and asks nobody."""
        need = Need(request=(owner_id, request_id))
        return await self._commit.look(need, lambda scene: repeat.answer_of(scene.remembered, asked))

    async def _make(
        self, owner_id: UserId, request_id: str, asked: str, settings: Settings, others: Sequence[UserId]
    ) -> str:
        people = await self._directory.people(owner_id, [owner_id, *others])
        group_id = GroupId(self._ids.new("g"))
        now = self._clock.now_ms()
        limits = self._limits

        def decide(scene: Scene) -> Decision[str]:
            before = repeat.answer_of(scene.remembered, asked)
            if before is not None:
                return Decision(before)
            if scene.group_counts.get(owner_id, 0) >= limits.groups_per_user:
                raise rules.too_many_groups()
            group, intake = _found(group_id, settings, owner_id, people, scene, limits, now)
            answer = _encode(group_id, intake)
            remembered = Remembered(owner_id, request_id, asked, answer, now)
            return Decision(answer, replace(_change(group, people[owner_id], intake), remembered=remembered))

        need = Need(group_id, [owner_id, *others], request=(owner_id, request_id))
        return await self._commit.change(need, decide)

    async def _created(self, owner_id: UserId, answer: str) -> Created:
        stored = json.loads(answer)
        view = await self._commit.view(GroupId(stored["group"]), owner_id)
        skipped = [Skipped(UserId(user_id), SkipCause(cause)) for user_id, cause in stored["skipped"]]
        return Created(view, skipped, [UserId(user_id) for user_id in stored["asked"]])


def _found(
    group_id: GroupId,
    settings: Settings,
    owner_id: UserId,
    people: Mapping[UserId, Person],
    scene: Scene,
    limits: Limits,
    now: int,
) -> tuple[Group, Intake]:
    alone = Group(group_id, settings, owner_id, member_count=1, created_at_ms=now)
    others = [person for person in people.values() if person.user_id != owner_id]
    intake = sort(alone, owner_id, others, scene, limits.members, limits.groups_per_user, now)
    return replace(alone, member_count=1 + len(intake.members)), intake


def _change(group: Group, founder: Person, intake: Intake) -> Change:
    owner = Member(group.id, group.owner_id, Role.OWNER, group.created_at_ms, display_name=founder.display_name)
    members = (owner, *intake.members)
    asked = changes.notified(group, group.owner_id, NoticeKind.INVITED, [ask.user_id for ask in intake.asked])
    entries = (*changes.founded(group, group.owner_id, members), *asked)
    return Change(group, members, join_requests=tuple(intake.asked), entries=entries)


def _encode(group_id: GroupId, intake: Intake) -> str:
    skipped = [[skip.user_id, skip.cause.value] for skip in intake.skipped]
    return json.dumps({"group": group_id, "skipped": skipped, "asked": [ask.user_id for ask in intake.asked]})
