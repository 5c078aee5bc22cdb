"""Find, dissolve, hand on, limit and suspend any group: what administrators do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mesh import errors
from svc_group.application.commit import Commit
from svc_group.domain import changes, rules
from svc_group.domain.changes import Change
from svc_group.domain.group import Group, GroupId, GroupLimits, GroupState, Role, UserId
from svc_group.domain.member import Ending, Member
from svc_group.domain.oversight import AllGroups, Wanted
from svc_group.domain.ports import Decision, Directory, MemberFilter, Members, Need, Place, Scene
from svc_group.domain.reasons import Reason

SYSTEM: Final = UserId("")
"""Who did it, as members see it."""

SHOWN: Final = 200
"""Members that are shown with a group."""


@dataclass(frozen=True, slots=True)
class Dossier:
    """A group and its first members."""

    group: Group
    members: Sequence[Member]


class Overseer:
    """Groups in the hands of administrators. Whether somebody is one was seen to before."""

    def __init__(self, commit: Commit, groups: AllGroups, members: Members, directory: Directory) -> None:
        self._commit = commit
        self._groups = groups
        self._members = members
        self._directory = directory

    async def find(self, wanted: Wanted) -> list[Group]:
        """Groups, the newest first."""
        return await self._groups.find(wanted)

    async def dossier(self, group_id: GroupId) -> Dossier:
        """One group. GROUP_NOT_FOUND."""
        group = await self._one(group_id)
        return Dossier(group, await self._members.page(group_id, MemberFilter(), Place(), SHOWN))

    async def dissolve(self, group_id: GroupId) -> None:
        """End a group for everyone; one that has ended stays so. GROUP_NOT_FOUND."""

        def decide(scene: Scene) -> Decision[None]:
            group = _existing(scene)
            return Decision(None) if group.dissolved else Decision(None, _dissolved(group, scene.everyone))

        await self._commit.change(Need(group_id, everyone=True), decide)

    async def transfer(self, group_id: GroupId, new_owner_id: UserId) -> Group:
        """Give a group to one of its members.

        Raises GROUP_NOT_FOUND, GROUP_DISSOLVED, MEMBER_NOT_FOUND, INVALID_REQUEST (a bot or an assistant).
        """
        owner_id = (await self._one(group_id)).owner_id
        programs = await self._directory.programs([new_owner_id])

        def decide(scene: Scene) -> Decision[None]:
            group = _alive(scene)
            if group.owner_id == new_owner_id:
                return Decision(None)
            if group.owner_id != owner_id:
                raise errors.aborted(Reason.VERSION_CONFLICT, "somebody else owns it meanwhile")
            return Decision(None, _handed_on(group, scene, rules.leader(scene.places.get(new_owner_id), programs)))

        await self._commit.change(Need(group_id, [owner_id, new_owner_id]), decide)
        return await self._one(group_id)

    async def limit(
        self, group_id: GroupId, edit: Callable[[GroupLimits], GroupLimits], expected_version: int
    ) -> Group:
        """Set limits of one group; members see what becomes of its slow mode. What holds already is no change.

        Raises GROUP_NOT_FOUND, GROUP_DISSOLVED, VERSION_CONFLICT, INVALID_REQUEST (bounds crosswise).
        """

        def decide(scene: Scene) -> Decision[None]:
            group = _alive(scene)
            after = rules.limited(group, edit(group.limits))
            if after.limits == group.limits:
                return Decision(None)
            rules.unchanged_since(expected_version, group.version)
            return Decision(None, Change(after, entries=changes.edited(after, SYSTEM, group.settings)))

        await self._commit.change(Need(group_id), decide)
        return await self._one(group_id)

    async def suspend(self, group_id: GroupId) -> Group:
        """Close a group until it is restored. What is closed stays so. Raises GROUP_NOT_FOUND, GROUP_DISSOLVED."""
        return await self._turn(group_id, GroupState.SUSPENDED)

    async def restore(self, group_id: GroupId) -> Group:
        """Open a suspended group again. What is open stays so. Raises GROUP_NOT_FOUND, GROUP_DISSOLVED."""
        return await self._turn(group_id, GroupState.ACTIVE)

    async def _turn(self, group_id: GroupId, state: GroupState) -> Group:
        def decide(scene: Scene) -> Decision[None]:
            group = _alive(scene)
            if group.state is state:
                return Decision(None)
            after = replace(group, state=state, version=group.version + 1)
            return Decision(None, Change(after, entries=changes.suspended(after, SYSTEM)))

        await self._commit.change(Need(group_id), decide)
        return await self._one(group_id)

    async def _one(self, group_id: GroupId) -> Group:
        return await self._commit.look(Need(group_id), _existing)


def _existing(scene: Scene) -> Group:
    if scene.group is None:
        raise rules.unknown_group()
    return scene.group


def _alive(scene: Scene) -> Group:
    group = _existing(scene)
    if group.dissolved:
        raise errors.precondition(Reason.GROUP_DISSOLVED, "the group does not exist any more")
    return group


def _dissolved(group: Group, everyone: Sequence[Member]) -> Change:
    ended = tuple(replace(member, ended=Ending.DISSOLVED, version=member.version + 1) for member in everyone)
    after = replace(group, state=GroupState.DISSOLVED, member_count=0, version=group.version + 1)
    user_ids = [member.user_id for member in ended]
    return Change(after, ended, entries=changes.removed(after, SYSTEM, Ending.DISSOLVED, user_ids))


def _handed_on(group: Group, scene: Scene, new: Member) -> Change:
    owner = replace(new, role=Role.OWNER, version=new.version + 1)
    after = replace(group, owner_id=new.user_id, version=group.version + 1)
    old = scene.places.get(group.owner_id)
    before = (replace(old, role=Role.ADMIN, version=old.version + 1),) if old is not None and old.present else ()
    return Change(after, (*before, owner), entries=changes.updated(after, SYSTEM, *before, owner))
