"""Ways in that members gave to others, when things changed since."""

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from parley.group.v1 import group_pb2, member_pb2
from parley.group.v1.group_service_pb2 import GetGroupRequest, UpdateGroupRequest
from parley.group.v1.invitation_service_pb2 import (
    AnswerJoinRequestRequest,
    CreateInviteLinkRequest,
    InviteMembersRequest,
    JoinGroupRequest,
)
from parley.group.v1.member_service_pb2 import (
    BanMemberRequest,
    KickMembersRequest,
    LeaveGroupRequest,
    MuteMemberRequest,
    SetMemberRoleRequest,
)
from parley.message.v1 import notice_pb2
from parley.user.v1 import user_pb2
from tests.svc_group.world import User, World

OPEN, APPROVAL, CLOSED = (
    group_pb2.JOIN_POLICY_OPEN,
    group_pb2.JOIN_POLICY_APPROVAL,
    group_pb2.JOIN_POLICY_CLOSED,
)
INVITED = notice_pb2.GroupNotice.KIND_INVITED
PENDING, AWAITING = member_pb2.JOIN_REQUEST_STATE_PENDING, member_pb2.JOIN_REQUEST_STATE_AWAITING_USER


async def change(user: User, group_id: str, **settings: object) -> None:
    """Change settings of a group."""
    wanted = group_pb2.GroupSettings(**settings)  # type: ignore[arg-type]  # names of its fields
    request = UpdateGroupRequest(group_id=group_id, settings=wanted, update_mask=FieldMask(paths=list(settings)))
    await user.do(user.world.groups.UpdateGroup, request)


async def link(user: User, group_id: str) -> JoinGroupRequest:
    """Make a link, and return how one comes with it."""
    request = CreateInviteLinkRequest(request_id=user.world.ids.new("r"), group_id=group_id)
    made = (await user.do(user.world.ways_in.CreateInviteLink, request)).invitation
    return JoinGroupRequest(token=made.token)


async def invite(user: User, group_id: str, other: User) -> member_pb2.JoinRequest:
    """Invite somebody who wants to be asked."""
    request = InviteMembersRequest(group_id=group_id, user_ids=[other.id])
    [pending] = (await user.do(user.world.ways_in.InviteMembers, request)).pending
    return pending


def shy(mesh: World) -> User:
    """Somebody whom nobody adds without asking."""
    user = mesh.user()
    mesh.directory.know(user.id, audience=user_pb2.AUDIENCE_NOBODY)
    return user


@pytest.mark.parametrize("removal", ["kicked", "banned"])
async def test_nobody_comes_by_who_was_removed(mesh: World, removal: str) -> None:
    """The links and invitations of who was kicked or banned let nobody in, and show nothing."""
    ann, bob, eve, kim = mesh.user(), mesh.user(), mesh.user(), shy(mesh)
    group_id = await ann.makes(bob)
    by_link = await link(bob, group_id)
    await invite(bob, group_id, kim)
    if removal == "kicked":
        await ann.do(mesh.members.KickMembers, KickMembersRequest(group_id=group_id, user_ids=[bob.id]))
    else:
        await ann.do(mesh.members.BanMember, BanMemberRequest(group_id=group_id, user_id=bob.id))
    assert (await eve.refused(mesh.ways_in.JoinGroup, by_link)).reason == "INVITATION_EXPIRED"
    shown = await eve.refused(mesh.groups.GetGroup, GetGroupRequest(token=by_link.token))
    assert shown.reason == "INVITATION_EXPIRED"
    assert (await kim.refused(mesh.ways_in.JoinGroup, JoinGroupRequest(group_id=group_id))).reason == "JOIN_REFUSED"
    assert (await invite(ann, group_id, kim)).inviter_id == ann.id
    assert (await kim.do(mesh.ways_in.JoinGroup, JoinGroupRequest(group_id=group_id))).joined.group_id == group_id
    assert [notice.kind for notice in mesh.logs.notices(kim.id)].count(INVITED) == 1, "asked once"


async def test_ways_of_who_left_go_on(mesh: World) -> None:
    """Who went by themselves has not taken the links that others hold with them."""
    ann, bob, eve, kim = mesh.user(), mesh.user(), mesh.user(), shy(mesh)
    group_id = await ann.makes(bob)
    by_link = await link(bob, group_id)
    await invite(bob, group_id, kim)
    await bob.do(mesh.members.LeaveGroup, LeaveGroupRequest(group_id=group_id))
    for user, way in ((eve, by_link), (kim, JoinGroupRequest(group_id=group_id))):
        assert (await user.do(mesh.ways_in.JoinGroup, way)).joined.group_id == group_id


async def test_ways_of_members_need_approval_once_it_is_needed(mesh: World) -> None:
    """With approval switched on, who comes by a member's link or invitation waits; by an admin's they come in."""
    ann, bob, kim = mesh.user(), mesh.user(), shy(mesh)
    group_id = await ann.makes(bob)
    by_member, by_admin = await link(bob, group_id), await link(ann, group_id)
    await invite(bob, group_id, kim)
    await change(ann, group_id, join_policy=APPROVAL)
    assert (await mesh.user().do(mesh.ways_in.JoinGroup, by_member)).pending.state == PENDING
    waits = (await kim.do(mesh.ways_in.JoinGroup, JoinGroupRequest(group_id=group_id))).pending
    assert (waits.state, waits.inviter_id) == (PENDING, bob.id)
    assert (await mesh.user().do(mesh.ways_in.JoinGroup, by_admin)).joined.group_id == group_id
    await change(ann, group_id, join_policy=OPEN)
    assert (await mesh.user().do(mesh.ways_in.JoinGroup, by_member)).joined.group_id == group_id


async def test_ways_end_with_the_right_to_give_them(mesh: World) -> None:
    """When inviting takes an admin, a member's link ends, and works while its creator is one."""
    ann, bob = mesh.user(), mesh.user()
    group_id = await ann.makes(bob)
    by_member = await link(bob, group_id)
    await change(ann, group_id, invite_role=group_pb2.ROLE_ADMIN)
    assert (await mesh.user().refused(mesh.ways_in.JoinGroup, by_member)).reason == "INVITATION_EXPIRED"
    promote = SetMemberRoleRequest(group_id=group_id, user_id=bob.id, role=group_pb2.ROLE_ADMIN)
    await ann.do(mesh.members.SetMemberRole, promote)
    assert (await mesh.user().do(mesh.ways_in.JoinGroup, by_member)).joined.group_id == group_id


async def test_approval_does_not_replace_consent(mesh: World) -> None:
    """Who wants to be asked is asked before the admins are, and is in no group that an admin alone let them into."""
    ann, bob, kim = mesh.user(), mesh.user(), shy(mesh)
    group_id = await ann.makes(bob, join_policy=APPROVAL)
    assert (await invite(bob, group_id, kim)).state == AWAITING
    accept = AnswerJoinRequestRequest(group_id=group_id, user_id=kim.id, accept=True)
    assert (await ann.refused(mesh.ways_in.AnswerJoinRequest, accept)).reason == "JOIN_REQUEST_NOT_FOUND"
    assert (await kim.do(mesh.ways_in.JoinGroup, JoinGroupRequest(group_id=group_id))).pending.state == PENDING
    assert kim.id not in mesh.logs.roles(group_id)
    assert (await invite(bob, group_id, kim)).state == PENDING, "a yes is not asked for again"
    await ann.do(mesh.ways_in.AnswerJoinRequest, accept)
    assert kim.id in mesh.logs.roles(group_id)


async def test_an_admin_is_told_that_nobody_joins(mesh: World) -> None:
    """Letting somebody into a group that was closed since is refused in words for who decides."""
    ann, eve = mesh.user(), mesh.user()
    group_id = await ann.makes(mesh.user(), join_policy=APPROVAL)
    await eve.do(mesh.ways_in.JoinGroup, JoinGroupRequest(group_id=group_id))
    await change(ann, group_id, join_policy=CLOSED)
    accept = AnswerJoinRequestRequest(group_id=group_id, user_id=eve.id, accept=True)
    refusal = await ann.refused(mesh.ways_in.AnswerJoinRequest, accept)
    assert (refusal.code.name, refusal.reason) == ("FAILED_PRECONDITION", "GROUP_CLOSED")


async def test_a_mute_outlives_going_and_coming_back(mesh: World) -> None:
    """Who is muted, leaves and joins again is as muted as before, in the log too, and no longer than before."""
    ann, bob = mesh.user(), mesh.user()
    group_id = await ann.makes(bob, join_policy=OPEN)
    mute = MuteMemberRequest(group_id=group_id, user_id=bob.id, duration_seconds=600)
    until = (await ann.do(mesh.members.MuteMember, mute)).member.muted_until_ms
    for left in (until, 0):
        await bob.do(mesh.members.LeaveGroup, LeaveGroupRequest(group_id=group_id))
        own = (await bob.do(mesh.ways_in.JoinGroup, JoinGroupRequest(group_id=group_id))).joined.own
        assert own.muted_until_ms == left
        assert mesh.logs.memberships(group_id)[-1].added[0].muted_until_ms == left
        mesh.clock.advance(601)
