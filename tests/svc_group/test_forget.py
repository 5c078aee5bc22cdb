"""What is left of a deleted user."""

from google.protobuf.field_mask_pb2 import FieldMask

from mesh.settings import Secret
from parley.group.v1 import group_pb2, member_pb2
from parley.group.v1.group_service_pb2 import ForgetUserRequest, GetGroupRequest, ListMyGroupsRequest
from parley.group.v1.invitation_service_pb2 import (
    CreateInviteLinkRequest,
    JoinGroupRequest,
    ListInviteLinksRequest,
    ListJoinRequestsRequest,
)
from parley.group.v1.member_service_pb2 import (
    LeaveGroupRequest,
    ListMembersRequest,
    SetMemberRoleRequest,
    UpdateMembershipRequest,
)
from parley.message.v1 import notice_pb2
from svc_group.domain.group import GroupId, UserId
from svc_group.infrastructure.store import open_store
from tests.svc_group.world import User, World

CAUSE = notice_pb2.MembershipChange


async def forget(mesh: World, user: User) -> int:
    """Forget a user, as the user service asks for it."""
    return (await mesh.as_service(mesh.groups.ForgetUser, ForgetUserRequest(user_id=user.id))).group_count


async def test_a_deleted_user_is_in_no_group(mesh: World) -> None:
    """The user leaves all groups with an entry in each, tells nobody's personal log, and again it does nothing."""
    ann, bob = mesh.user(), mesh.user("Bob")
    first, second = await ann.makes(bob), await ann.makes(bob)
    told = len(mesh.logs.of(bob.id))
    assert [await forget(mesh, bob), await forget(mesh, bob)] == [2, 0]
    for group_id in (first, second):
        change = mesh.logs.memberships(group_id)[-1]
        assert (change.cause, list(change.removed_user_ids)) == (CAUSE.CAUSE_LEFT, [bob.id])
        listed = await ann.do(mesh.members.ListMembers, ListMembersRequest(group_id=group_id))
        assert [member.user_id for member in listed.members] == [ann.id]
        assert (await ann.do(mesh.groups.GetGroup, GetGroupRequest(group_id=group_id))).group.member_count == 1
    assert len(mesh.logs.of(bob.id)) == told
    assert not (await bob.do(mesh.groups.ListMyGroups, ListMyGroupsRequest())).groups


async def test_no_name_is_kept(mesh: World) -> None:
    """Neither the place that ended with the account nor one that ended before has a name of theirs any more."""
    ann, bob = mesh.user(), mesh.user("Bob")
    left, present = GroupId(await ann.makes(bob)), GroupId(await ann.makes(bob))
    names = UpdateMembershipRequest(
        group_id=left, update_mask=FieldMask(paths=["nickname", "remark"]), nickname="Bobby", remark="mine"
    )
    await bob.do(mesh.members.UpdateMembership, names)
    await bob.do(mesh.members.LeaveGroup, LeaveGroupRequest(group_id=left))
    await forget(mesh, bob)
    async with open_store(mesh.settings.store_url, Secret(), mesh.clock) as store:
        for group_id in (left, present):
            place = await store.members.one(group_id, UserId(bob.id))
            assert place is not None
            assert (place.display_name, place.nickname, place.remark, place.present) == ("", "", "", False)


async def test_a_group_goes_to_who_is_next(mesh: World) -> None:
    """The oldest admin inherits, without admins the oldest member, and a group without anybody else is dissolved."""
    ann, bob, eve = mesh.user(), mesh.user(), mesh.user()
    with_admin, without, alone = [await ann.makes(bob, eve) for _ in range(3)]
    role = SetMemberRoleRequest(group_id=with_admin, user_id=eve.id, role=group_pb2.ROLE_ADMIN)
    await ann.do(mesh.members.SetMemberRole, role)
    joe = mesh.user()
    lonely = await ann.makes(joe)
    assert await forget(mesh, joe) == 1
    assert await forget(mesh, ann) == 4
    assert mesh.logs.roles(with_admin) == {eve.id: 3, bob.id: 1}
    assert sorted(mesh.logs.roles(without).values()) == [1, 3]
    assert sorted(mesh.logs.roles(alone).values()) == [1, 3]
    assert mesh.logs.roles(lonely) == {}
    assert mesh.logs.memberships(lonely)[-1].cause == CAUSE.CAUSE_DISSOLVED
    shown = (await eve.do(mesh.groups.GetGroup, GetGroupRequest(group_id=with_admin))).group
    assert (shown.owner_id, shown.own.role, shown.member_count) == (eve.id, group_pb2.ROLE_OWNER, 2)


async def test_nothing_waits_for_a_deleted_user(mesh: World) -> None:
    """Their requests to join are closed and say nothing any more, and their links let nobody in."""
    ann, bob, eve = mesh.user(), mesh.user(), mesh.user()
    asked = await ann.makes(mesh.user(), join_policy=group_pb2.JOIN_POLICY_APPROVAL)
    await bob.do(mesh.ways_in.JoinGroup, JoinGroupRequest(group_id=asked, answer="a secret of Bob"))
    entered = await ann.makes(bob)
    link = await bob.do(mesh.ways_in.CreateInviteLink, CreateInviteLinkRequest(request_id="l", group_id=entered))
    assert await forget(mesh, bob) == 1
    [request] = (await ann.do(mesh.ways_in.ListJoinRequests, ListJoinRequestsRequest(group_id=asked))).join_requests
    assert (request.state, request.answer) == (member_pb2.JOIN_REQUEST_STATE_REFUSED, "")
    join = JoinGroupRequest(token=link.invitation.token)
    assert (await eve.refused(mesh.ways_in.JoinGroup, join)).reason == "INVITATION_EXPIRED"
    assert not (await ann.do(mesh.ways_in.ListInviteLinks, ListInviteLinksRequest(group_id=entered))).invitations
