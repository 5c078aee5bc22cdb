"""That a member is a bot is said wherever the log says something of the member."""

from pathlib import Path

import pytest

from parley.group.v1 import group_pb2
from parley.group.v1.invitation_service_pb2 import InviteMembersRequest, JoinGroupRequest
from parley.group.v1.member_service_pb2 import LeaveGroupRequest, MuteMemberRequest, SetMemberRoleRequest
from parley.message.v1 import notice_pb2
from parley.user.v1 import user_pb2
from tests.mongo.server import STORES, url_of
from tests.svc_group.world import World, service, world


def bots(change: notice_pb2.MembershipChange) -> dict[str, bool]:
    """Whom an entry names, and whether as a bot."""
    return {member.user_id: member.bot for member in (*change.added, *change.updated)}


async def test_entries_say_who_is_a_bot(mesh: World) -> None:
    """However a bot comes in, and whatever changes of it, the entry says that it is one, and that nobody else is."""
    ann, bob, one, two = mesh.user(), mesh.user(), mesh.bot(), mesh.bot()
    group_id = await ann.makes(bob, one, join_policy=group_pb2.JOIN_POLICY_OPEN)
    await ann.do(mesh.ways_in.InviteMembers, InviteMembersRequest(group_id=group_id, user_ids=[two.id]))
    for member in (one, bob):
        role = SetMemberRoleRequest(group_id=group_id, user_id=member.id, role=group_pb2.ROLE_ADMIN)
        await ann.do(mesh.members.SetMemberRole, role)
    await ann.do(mesh.members.MuteMember, MuteMemberRequest(group_id=group_id, user_id=two.id, duration_seconds=60))
    await two.do(mesh.members.LeaveGroup, LeaveGroupRequest(group_id=group_id))
    await two.do(mesh.ways_in.JoinGroup, JoinGroupRequest(group_id=group_id))
    assert [bots(change) for change in mesh.logs.memberships(group_id)] == [
        {ann.id: False, bob.id: False, one.id: True},
        {two.id: True},
        {one.id: True},
        {bob.id: False},
        {two.id: True},
        {},
        {two.id: True},
    ]


@pytest.mark.parametrize("store", STORES)
async def test_bots_of_before_are_found(tmp_path: Path, store: str) -> None:
    """A node that starts says of members who came as persons and prove to be bots that they are, once."""
    async with url_of(store, f"sqlite:{tmp_path}/group.db") as url, world(tmp_path, url) as mesh:
        ann, bob = mesh.user(), mesh.user()
        clerks = [mesh.user() for _ in range(3)]
        async with service(mesh):
            groups = [await ann.makes(bob, *clerks) for _ in range(2)]
            await clerks[2].do(mesh.members.LeaveGroup, LeaveGroupRequest(group_id=groups[0]))
        for clerk in clerks:
            mesh.directory.people[clerk.id].kind = user_pb2.USER_KIND_BOT
        before = [len(mesh.logs.of(group_id)) for group_id in groups]
        for _ in range(2):
            async with service(mesh):
                await mesh.logs.until(lambda: len(mesh.logs.of(groups[1])) >= before[1] + 3)
                await ann.makes(bob)  # whatever else was to be said has been said by then
        said = [[bots(one) for one in mesh.logs.memberships(group_id)[-5:]] for group_id in groups]
        present = [{clerk.id: True} for clerk in clerks]
        assert sorted(map(str, said[1][-3:])) == sorted(map(str, present))
        assert sorted(map(str, said[0][-2:])) == sorted(map(str, present[:2]))
        assert [len(mesh.logs.of(group_id)) for group_id in groups] == [before[0] + 2, before[1] + 3]
