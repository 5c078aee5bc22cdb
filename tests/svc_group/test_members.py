"""Leaving, kicking, own names, and lists of members."""

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from parley.group.v1 import group_pb2, member_pb2
from parley.group.v1.group_service_pb2 import GetGroupRequest
from parley.group.v1.member_service_pb2 import (
    GetMemberRequest,
    KickMembersRequest,
    LeaveGroupRequest,
    ListMembersRequest,
    SetMemberRoleRequest,
    UpdateMembershipRequest,
)
from parley.message.v1 import notice_pb2
from tests.svc_group.world import User, World

Skip = member_pb2.SkippedMember


async def promote(owner: User, group_id: str, user: User) -> None:
    """Make an admin."""
    request = SetMemberRoleRequest(group_id=group_id, user_id=user.id, role=group_pb2.ROLE_ADMIN)
    await owner.do(owner.world.members.SetMemberRole, request)


async def listed(user: User, request: ListMembersRequest) -> list[str]:
    """Return whom all pages of a list name."""
    found: list[str] = []
    while True:
        page = await user.do(user.world.members.ListMembers, request)
        found += [member.user_id for member in page.members]
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


async def test_who_leaves_is_gone(mesh: World) -> None:
    """Leaving is an entry by oneself and a notice to oneself; a second time one is no member any more."""
    ann, bob = mesh.user(), mesh.user()
    group_id = await ann.makes(bob)
    await bob.do(mesh.members.LeaveGroup, LeaveGroupRequest(group_id=group_id))
    entry = mesh.logs.of(group_id)[-1]
    assert (entry.sender_id, entry.content.membership.cause) == (bob.id, notice_pb2.MembershipChange.CAUSE_LEFT)
    assert list(entry.content.membership.removed_user_ids) == [bob.id]
    assert mesh.logs.notices(bob.id)[-1].kind == notice_pb2.GroupNotice.KIND_REMOVED
    again = await bob.refused(mesh.members.LeaveGroup, LeaveGroupRequest(group_id=group_id))
    assert (again.code.name, again.reason) == ("FAILED_PRECONDITION", "NOT_MEMBER")
    assert (await bob.refused(mesh.groups.GetGroup, GetGroupRequest(group_id=group_id))).reason == "GROUP_NOT_FOUND"


async def test_the_owner_stays(mesh: World) -> None:
    """Also the last one in a group cannot leave what they own."""
    ann, bob = mesh.user(), mesh.user()
    group_id = await ann.makes(bob)
    await bob.do(mesh.members.LeaveGroup, LeaveGroupRequest(group_id=group_id))
    refusal = await ann.refused(mesh.members.LeaveGroup, LeaveGroupRequest(group_id=group_id))
    assert (refusal.code.name, refusal.reason) == ("FAILED_PRECONDITION", "OWNER_CANNOT_LEAVE")


async def test_a_kick_is_in_the_log_when_it_is_answered(mesh: World) -> None:
    """The entry that ends the membership is there before the RPC returns; who is no member or too high is skipped."""
    ann, bob, eve, kim = mesh.user(), mesh.user(), mesh.user(), mesh.user()
    group_id = await ann.makes(bob, eve)
    await promote(ann, group_id, bob)
    request = KickMembersRequest(group_id=group_id, user_ids=[eve.id, kim.id, ann.id, eve.id])
    kicked = await bob.do(mesh.members.KickMembers, request)
    assert mesh.logs.roles(group_id).keys() == {ann.id, bob.id}
    assert list(kicked.kicked_user_ids) == [eve.id]
    causes = {skip.user_id: skip.cause for skip in kicked.skipped}
    assert causes == {kim.id: Skip.CAUSE_NOT_MEMBER, ann.id: Skip.CAUSE_ROLE_TOO_HIGH}
    notice = mesh.logs.notices(eve.id)[-1]
    assert (notice.kind, notice.actor_id) == (notice_pb2.GroupNotice.KIND_REMOVED, bob.id)


async def test_nobody_kicks_upwards(mesh: World) -> None:
    """Owner and fellow admins stay, a member kicks nobody, and oneself one does not kick."""
    ann, bob, eve = mesh.user(), mesh.user(), mesh.user()
    group_id = await ann.makes(bob, eve)
    await promote(ann, group_id, bob)
    await promote(ann, group_id, eve)
    upwards = KickMembersRequest(group_id=group_id, user_ids=[ann.id, eve.id])
    refusal = await bob.refused(mesh.members.KickMembers, upwards)
    assert (refusal.code.name, refusal.reason) == ("PERMISSION_DENIED", "ROLE_TOO_HIGH")
    oneself = KickMembersRequest(group_id=group_id, user_ids=[bob.id])
    assert (await bob.refused(mesh.members.KickMembers, oneself)).reason == "KICK_SELF"


async def test_a_kicked_member_knows_of_the_group_no_more(mesh: World) -> None:
    """A closed door looks the same to who was kicked as to a stranger."""
    ann, bob, eve = mesh.user(), mesh.user(), mesh.user()
    group_id = await ann.makes(bob)
    await ann.do(mesh.members.KickMembers, KickMembersRequest(group_id=group_id, user_ids=[bob.id]))
    for user in (bob, eve):
        for refusal in (
            await user.refused(mesh.groups.GetGroup, GetGroupRequest(group_id=group_id)),
            await user.refused(mesh.members.ListMembers, ListMembersRequest(group_id=group_id)),
            await user.refused(mesh.members.KickMembers, KickMembersRequest(group_id=group_id, user_ids=[ann.id])),
        ):
            assert (refusal.code.name, refusal.reason) == ("NOT_FOUND", "GROUP_NOT_FOUND")


async def test_own_names(mesh: World) -> None:
    """The nickname is an entry that all see, the remark is nobody else's and leaves none."""
    ann, bob = mesh.user(), mesh.user()
    group_id = await ann.makes(bob)
    request = UpdateMembershipRequest(
        group_id=group_id, update_mask=FieldMask(paths=["nickname"]), nickname="Bobby", remark="ignored"
    )
    own = (await bob.do(mesh.members.UpdateMembership, request)).own
    assert (own.nickname, own.remark) == ("Bobby", "")
    assert mesh.logs.memberships(group_id)[-1].updated[0].nickname == "Bobby"
    count = len(mesh.logs.entries)
    request = UpdateMembershipRequest(group_id=group_id, update_mask=FieldMask(paths=["remark"]), remark="work")
    assert (await bob.do(mesh.members.UpdateMembership, request)).own.remark == "work"
    assert len(mesh.logs.entries) == count
    seen = (await ann.do(mesh.members.GetMember, GetMemberRequest(group_id=group_id, user_id=bob.id))).member
    assert (seen.nickname, seen.display_name) == ("Bobby", f"name of {bob.id}")


@pytest.mark.parametrize("size", [1, 2, 3, 200])
async def test_a_list_of_members_has_each_once(mesh: World, size: int) -> None:
    """Owner, admins, then the others, each on exactly one page whatever the size of the pages."""
    ann, *others = (mesh.user() for _ in range(6))
    group_id = await ann.makes(*others)
    await promote(ann, group_id, others[3])
    found = await listed(others[0], ListMembersRequest(group_id=group_id, page_size=size))
    assert found[:2] == [ann.id, others[3].id]
    assert sorted(found) == sorted(user.id for user in (ann, *others))


async def test_members_are_found_by_role_and_name(mesh: World) -> None:
    """A name is taken literally, whatever language it looks like, and case is ignored."""
    ann, bob = mesh.user("Änn O'Hara"), mesh.user("(a+)+$")
    group_id = await ann.makes(bob)
    assert await listed(bob, ListMembersRequest(group_id=group_id, role=group_pb2.ROLE_OWNER)) == [ann.id]
    assert await listed(bob, ListMembersRequest(group_id=group_id, query="änn o'")) == [ann.id]
    assert await listed(bob, ListMembersRequest(group_id=group_id, query="(a+)+$")) == [bob.id]
    for text in ("%%", "__", "$where", '{"$ne":1}', "' OR 1=1 --", "a*b"):
        assert await listed(bob, ListMembersRequest(group_id=group_id, query=text)) == []


async def test_hidden_members_are_for_admins(mesh: World) -> None:
    """With hide_members a member sees neither the list nor another member, but still themself."""
    ann, bob, eve = mesh.user(), mesh.user(), mesh.user()
    group_id = await ann.makes(bob, eve, hide_members=True)
    assert len(await listed(ann, ListMembersRequest(group_id=group_id))) == 3
    refusal = await bob.refused(mesh.members.ListMembers, ListMembersRequest(group_id=group_id))
    assert (refusal.code.name, refusal.reason) == ("PERMISSION_DENIED", "MEMBERS_HIDDEN")
    other = GetMemberRequest(group_id=group_id, user_id=eve.id)
    assert (await bob.refused(mesh.members.GetMember, other)).reason == "MEMBERS_HIDDEN"
    oneself = GetMemberRequest(group_id=group_id, user_id=bob.id)
    assert (await bob.do(mesh.members.GetMember, oneself)).member.user_id == bob.id
