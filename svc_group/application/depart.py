"""Depart from a group: by oneself, or removed by somebody above."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mesh import errors
from svc_group.application.commit import Commit
from svc_group.domain import changes, rules
from svc_group.domain.changes import Change
from svc_group.domain.group import Group, GroupId, Role, UserId
from svc_group.domain.member import Ending, Member, SkipCause, Skipped
from svc_group.domain.ports import Decision, Need, Scene
from svc_group.domain.reasons import Reason


@dataclass(frozen=True, slots=True)
class Kicked:
    """Who was removed, and who was not."""

    user_ids: Sequence[UserId]
    skipped: Sequence[Skipped]


class Departing:
    """Ends memberships."""

    def __init__(self, commit: Commit) -> None:
        self._commit = commit

    async def leave(self, actor_id: UserId, group_id: GroupId) -> None:
        """Take the caller out. Raises NOT_MEMBER, OWNER_CANNOT_LEAVE."""

        def decide(scene: Scene) -> Decision[None]:
            group = rules.in_being(scene.group, scene.places.get(actor_id))
            place = rules.member(group, scene.places.get(actor_id))
            rules.may_leave(place)
            return Decision(None, ended(group, actor_id, Ending.LEFT, [place]))

        await self._commit.change(Need(group_id, [actor_id]), decide)

    async def kick(self, actor_id: UserId, group_id: GroupId, user_ids: Sequence[UserId]) -> Kicked:
        """Remove members below the caller.

        Raises KICK_SELF, ROLE_REQUIRED, ROLE_TOO_HIGH (all who are named stand at or above the caller).
        """
        named = list(dict.fromkeys(user_ids))
        if actor_id in named:
            raise errors.invalid(Reason.KICK_SELF, "you named yourself; leave the group instead")

        def decide(scene: Scene) -> Decision[Kicked]:
            group = rules.in_use(scene.group, scene.places.get(actor_id))
            actor = rules.ranked(group, scene.places.get(actor_id), Role.ADMIN)
            going, skipped = _sort(actor, scene, named)
            if all(skip.cause is SkipCause.ROLE_TOO_HIGH for skip in skipped) and not going:
                raise rules.role_too_high()
            kicked = Kicked([member.user_id for member in going], skipped)
            return Decision(kicked, ended(group, actor_id, Ending.KICKED, going)) if going else Decision(kicked)

        return await self._commit.change(Need(group_id, [actor_id, *named]), decide)


def _sort(actor: Member, scene: Scene, named: Sequence[UserId]) -> tuple[list[Member], list[Skipped]]:
    going: list[Member] = []
    skipped: list[Skipped] = []
    for user_id in named:
        place = scene.places.get(user_id)
        if place is None or not place.present:
            skipped.append(Skipped(user_id, SkipCause.NOT_MEMBER))
        elif place.role >= actor.role:
            skipped.append(Skipped(user_id, SkipCause.ROLE_TOO_HIGH))
        else:
            going.append(place)
    return going, skipped


def ended(group: Group, actor_id: UserId, ending: Ending, going: Sequence[Member]) -> Change:
    """The end of these memberships. The members are there in the order in which they are given."""
    gone = tuple(replace(member, ended=ending, version=member.version + 1) for member in going)
    after = replace(group, member_count=group.member_count - len(gone))
    entries = changes.removed(after, actor_id, ending, [member.user_id for member in gone])
    return Change(after, gone, entries=entries)
