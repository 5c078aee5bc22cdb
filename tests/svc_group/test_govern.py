"""Owners, admins, and the end of groups."""

import asyncio

from mesh.errors import MeshError
from parley.group.v1 import group_pb2
from parley.group.v1.group_service_pb2 import (
    DissolveGroupRequest,
    GetGroupRequest,
    ListMyGroupsRequest,
    TransferGroupRequest,
)
from parley.group.v1.invitation_service_pb2 import JoinGroupRequest
from parley.group.v1.member_service_pb2 import LeaveGroupRequest, MuteMemberRequest, SetMemberRoleRequest
from parley.message.v1 import notice_pb2
from tests.svc_group.world import World

Cause = notice_pb2.MembershipChange
YEAR_MS = 365 * 24 * 3_600_000


async def test_handing_a_group_on_swaps_the_roles(mesh: World) -> None:
    """The new owner owns, the old one is admin, and one entry says both; again it is no error and no entry."""
    ann, bob = mesh.user(), mesh.user()
    group_id = await ann.makes(bob)
    request = TransferGroupRequest(group_id=group_id, new_owner_id=bob.id, expected_version=1)
    for _ in range(2):
        group = (await ann.do(mesh.groups.TransferGroup, request)).group
        assert (group.owner_id, group.own.role, group.version) == (bob.id, group_pb2.ROLE_ADMIN, 2)
    assert mesh.logs.roles(group_id) == {ann.id: 2, bob.id: 3}
    assert len(mesh.logs.of(group_id)) == 2


async def test_of_two_transfers_at_once_one_wins(mesh: World) -> None:
    """Two transfers of the same version end as one OK and one ABORTED, and there is one owner."""
    ann, bob, eve = mesh.user(), mesh.user(), mesh.user()
    group_id = await ann.makes(bob, eve)
    requests = [
        TransferGroupRequest(group_id=group_id, new_owner_id=user.id, expected_version=1) for user in (bob, eve)
    ]
    outcomes = await asyncio.gather(
        *(ann.do(mesh.groups.TransferGroup, request) for request in requests), return_exceptions=True
    )
    [lost] = [outcome for outcome in outcomes if isinstance(outcome, MeshError)]
    assert (lost.code.name, lost.reason) == ("ABORTED", "VERSION_CONFLICT")
    assert sorted(mesh.logs.roles(group_id).values()) == [1, 2, 3]


async def test_a_group_goes_only_to_a_member(mesh: World) -> None:
    """A stranger cannot become owner."""
    ann, bob, eve = mesh.user(), mesh.user(), mesh.user()
    group_id = await ann.makes(bob)
    request = TransferGroupRequest(group_id=group_id, new_owner_id=eve.id)
    assert (await ann.refused(mesh.groups.TransferGroup, request)).reason == "MEMBER_NOT_FOUND"


async def test_dissolving_ends_every_membership(mesh: World) -> None:
    """The entry removes all, the owner last, and everyone is told; doing it twice is no error."""
    ann, bob, eve = mesh.user(), mesh.user(), mesh.user()
    group_id = await ann.makes(bob, eve)
    for _ in range(2):
        await ann.do(mesh.groups.DissolveGroup, DissolveGroupRequest(group_id=group_id))
    [_, change] = mesh.logs.memberships(group_id)
    assert change.cause == Cause.CAUSE_DISSOLVED
    assert change.removed_user_ids[-1] == ann.id
    assert mesh.logs.roles(group_id) == {}
    for user in (ann, bob, eve):
        assert mesh.logs.notices(user.id)[-1].kind == notice_pb2.GroupNotice.KIND_DISSOLVED


async def test_a_dissolved_group_is_known_to_its_former_members_alone(mesh: World) -> None:
    """They may look at it and are told that it is dissolved; for a stranger there is no such group."""
    ann, bob, eve = mesh.user(), mesh.user(), mesh.user()
    group_id = await ann.makes(bob, join_policy=group_pb2.JOIN_POLICY_OPEN)
    await ann.do(mesh.groups.DissolveGroup, DissolveGroupRequest(group_id=group_id))
    group = (await bob.do(mesh.groups.GetGroup, GetGroupRequest(group_id=group_id))).group
    assert (group.state, group.member_count) == (group_pb2.GROUP_STATE_DISSOLVED, 0)
    assert not (await bob.do(mesh.groups.ListMyGroups, ListMyGroupsRequest())).groups
    leave = LeaveGroupRequest(group_id=group_id)
    former = await bob.refused(mesh.members.LeaveGroup, leave)
    assert (former.code.name, former.reason) == ("FAILED_PRECONDITION", "GROUP_DISSOLVED")
    for stranger in (
        await eve.refused(mesh.members.LeaveGroup, leave),
        await eve.refused(mesh.groups.GetGroup, GetGroupRequest(group_id=group_id)),
        await eve.refused(mesh.ways_in.JoinGroup, JoinGroupRequest(group_id=group_id)),
    ):
        assert (stranger.code.name, stranger.reason) == ("NOT_FOUND", "GROUP_NOT_FOUND")


async def test_only_the_owner_appoints_and_dissolves(mesh: World) -> None:
    """An admin may neither appoint nor dissolve, a member not promote themself; the error names the role."""
    ann, bob, eve = mesh.user(), mesh.user(), mesh.user()
    group_id = await ann.makes(bob, eve)
    promote = SetMemberRoleRequest(group_id=group_id, user_id=bob.id, role=group_pb2.ROLE_ADMIN)
    member = (await ann.do(mesh.members.SetMemberRole, promote)).member
    assert (member.role, member.version) == (group_pb2.ROLE_ADMIN, 2)
    assert mesh.logs.roles(group_id)[bob.id] == 2
    own = SetMemberRoleRequest(group_id=group_id, user_id=eve.id, role=group_pb2.ROLE_ADMIN)
    for refusal in (
        await eve.refused(mesh.members.SetMemberRole, own),
        await bob.refused(mesh.members.SetMemberRole, own),
        await bob.refused(mesh.groups.DissolveGroup, DissolveGroupRequest(group_id=group_id)),
    ):
        assert (refusal.code.name, refusal.reason) == ("PERMISSION_DENIED", "ROLE_REQUIRED")
        assert refusal.metadata["required_role"] == "ROLE_OWNER"


async def test_a_role_that_changed_meanwhile_is_not_overwritten(mesh: World) -> None:
    """The version of a membership guards its role; asking for the role that is there already is no error."""
    ann, bob = mesh.user(), mesh.user()
    group_id = await ann.makes(bob)
    promote = SetMemberRoleRequest(group_id=group_id, user_id=bob.id, role=group_pb2.ROLE_ADMIN, expected_version=1)
    await ann.do(mesh.members.SetMemberRole, promote)
    await ann.do(mesh.members.SetMemberRole, promote)
    assert len(mesh.logs.of(group_id)) == 2
    demote = SetMemberRoleRequest(group_id=group_id, user_id=bob.id, role=group_pb2.ROLE_MEMBER, expected_version=1)
    assert (await ann.refused(mesh.members.SetMemberRole, demote)).reason == "VERSION_CONFLICT"


async def test_a_mute_ends_and_is_clamped(mesh: World) -> None:
    """A hundred years become one, the entry says until when, and zero takes it back."""
    ann, bob = mesh.user(), mesh.user()
    group_id = await ann.makes(bob)
    before = mesh.clock.now_ms()
    mute = MuteMemberRequest(group_id=group_id, user_id=bob.id, duration_seconds=100 * 365 * 86_400)
    member = (await ann.do(mesh.members.MuteMember, mute)).member
    assert 0 <= member.muted_until_ms - before - YEAR_MS < 60_000
    assert mesh.logs.memberships(group_id)[-1].updated[0].muted_until_ms == member.muted_until_ms
    mute.duration_seconds = 0
    assert (await ann.do(mesh.members.MuteMember, mute)).member.muted_until_ms == 0
    mute.user_id = ann.id
    assert (await ann.refused(mesh.members.MuteMember, mute)).reason == "ROLE_TOO_HIGH"
