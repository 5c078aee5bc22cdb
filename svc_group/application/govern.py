"""Govern a group: hand it on, dissolve it, appoint admins, mute members."""

from dataclasses import replace

from mesh import errors
from mesh.clock import Clock
from svc_group.application.commit import Commit
from svc_group.domain import changes, rules
from svc_group.domain.changes import Change
from svc_group.domain.group import Group, GroupId, GroupState, Role, UserId
from svc_group.domain.member import Ending, GroupView, Member
from svc_group.domain.ports import Decision, Directory, Groups, Need, Scene
from svc_group.domain.reasons import Reason


class Governing:
    """What the owner does, and with mute what admins do, to members."""

    def __init__(self, commit: Commit, groups: Groups, directory: Directory, clock: Clock) -> None:
        self._commit = commit
        self._groups = groups
        self._directory = directory
        self._clock = clock

    async def transfer(
        self, actor_id: UserId, group_id: GroupId, new_owner_id: UserId, expected_version: int
    ) -> GroupView:
        """Hand the group on; the caller becomes admin. Doing it again is no error.

        Raises ROLE_REQUIRED, MEMBER_NOT_FOUND, VERSION_CONFLICT (also for who was owner when this began),
        INVALID_REQUEST (a bot or an assistant).
        """
        seen = await self._groups.view(group_id, actor_id)
        owned = seen is not None and seen.group.owner_id == actor_id
        programs: set[UserId] = set()

        def decide(scene: Scene) -> Decision[None]:
            group = rules.in_use(scene.group, scene.places.get(actor_id))
            place = rules.ranked(group, scene.places.get(actor_id), Role.MEMBER)
            if group.owner_id == new_owner_id and place.role is not Role.MEMBER:
                return Decision(None)
            _may_hand_on(group, place, expected_version, owned=owned)
            return Decision(None, handed_on(group, place, rules.leader(scene.places.get(new_owner_id), programs)))

        need = Need(group_id, [actor_id, new_owner_id])
        # Judged before asking the user service, which a stranger could else use as a directory of their own.
        await self._commit.look(need, decide)
        programs = await self._directory.programs([new_owner_id])
        await self._commit.change(need, decide)
        return await self._commit.view(group_id, actor_id)

    async def dissolve(self, actor_id: UserId, group_id: GroupId) -> None:
        """End the group for everyone. Doing it twice is no error. Raises ROLE_REQUIRED."""

        def decide(scene: Scene) -> Decision[None]:
            place = scene.places.get(actor_id)
            if scene.group and scene.group.dissolved and scene.group.owner_id == actor_id:
                return Decision(None)
            group = rules.in_use(scene.group, place)
            rules.ranked(group, place, Role.OWNER)
            return Decision(None, dissolved(group, scene))

        await self._commit.change(Need(group_id, [actor_id], everyone=True), decide)

    async def set_role(
        self, actor_id: UserId, group_id: GroupId, user_id: UserId, role: Role, expected_version: int
    ) -> Member:
        """Appoint or remove an admin; `expected_version` is the membership's.

        Raises ROLE_REQUIRED, MEMBER_NOT_FOUND, VERSION_CONFLICT, INVALID_REQUEST (the owner's own role).
        """

        def decide(scene: Scene) -> Decision[Member]:
            group = rules.in_use(scene.group, scene.places.get(actor_id))
            rules.ranked(group, scene.places.get(actor_id), Role.OWNER)
            place = rules.other_member(scene.places.get(user_id))
            if place.role is Role.OWNER:
                raise rules.wrong_field("user_id", "the owner's role changes with TransferGroup")
            if place.role is role:
                return Decision(place)
            rules.unchanged_since(expected_version, place.version)
            return _updated(group, actor_id, replace(place, role=role, version=place.version + 1))

        return await self._commit.change(Need(group_id, [actor_id, user_id]), decide)

    async def mute(self, actor_id: UserId, group_id: GroupId, user_id: UserId, duration_ms: int) -> Member:
        """Stop a member below the caller from writing for a time; 0 lets them write again.

        Raises ROLE_REQUIRED, ROLE_TOO_HIGH, MEMBER_NOT_FOUND.
        """
        until = self._clock.now_ms() + min(duration_ms, rules.MAX_MUTE_MS) if duration_ms else 0

        def decide(scene: Scene) -> Decision[Member]:
            group = rules.in_use(scene.group, scene.places.get(actor_id))
            actor = rules.ranked(group, scene.places.get(actor_id), Role.ADMIN)
            place = rules.other_member(scene.places.get(user_id))
            if place.role >= actor.role:
                raise rules.role_too_high()
            if place.muted_until_ms == until:
                return Decision(place)
            return _updated(group, actor_id, replace(place, muted_until_ms=until, version=place.version + 1))

        return await self._commit.change(Need(group_id, [actor_id, user_id]), decide)


def _may_hand_on(group: Group, place: Member, expected_version: int, *, owned: bool) -> None:
    """Refuse who is not the owner; who was a moment ago (an admin now) is told that they were outrun."""
    if place.role is Role.MEMBER:
        raise rules.role_required(Role.OWNER)
    rules.unchanged_since(expected_version, group.version)
    if place.role is not Role.OWNER and owned:
        raise errors.aborted(Reason.VERSION_CONFLICT, "somebody else owns it meanwhile", version=str(group.version))
    if place.role is not Role.OWNER:
        raise rules.role_required(Role.OWNER)


def handed_on(group: Group, old: Member, new: Member) -> Change:
    """The group with a new owner; the old one, the first of the members, becomes admin."""
    admin = replace(old, role=Role.ADMIN, version=old.version + 1)
    owner = replace(new, role=Role.OWNER, version=new.version + 1)
    after = replace(group, owner_id=new.user_id, version=group.version + 1)
    return Change(after, (admin, owner), entries=changes.updated(after, old.user_id, admin, owner))


def dissolved(group: Group, scene: Scene) -> Change:
    """The end of the group and of every membership in it."""
    # The owner comes last, so that their devices get every other entry of this.
    others = [member for member in scene.everyone if member.user_id != group.owner_id]
    owners = [member for member in scene.everyone if member.user_id == group.owner_id]
    ended = tuple(replace(member, ended=Ending.DISSOLVED, version=member.version + 1) for member in (*others, *owners))
    after = replace(group, state=GroupState.DISSOLVED, member_count=0, version=group.version + 1)
    user_ids = [member.user_id for member in ended]
    return Change(after, ended, entries=changes.removed(after, group.owner_id, Ending.DISSOLVED, user_ids))


def _updated(group: Group, actor_id: UserId, member: Member) -> Decision[Member]:
    return Decision(member, Change(members=(member,), entries=changes.updated(group, actor_id, member)))
