"""Who may not come back."""

from parley.group.v1 import group_pb2, member_pb2
from parley.group.v1.group_service_pb2 import GetGroupRequest
from parley.group.v1.invitation_service_pb2 import (
    AnswerJoinRequestRequest,
    CreateInviteLinkRequest,
    InviteMembersRequest,
    JoinGroupRequest,
)
from parley.group.v1.member_service_pb2 import BanMemberRequest, ListBansRequest, UnbanMemberRequest
from parley.message.v1 import notice_pb2
from tests.svc_group.world import User, World

OPEN, APPROVAL = group_pb2.JOIN_POLICY_OPEN, group_pb2.JOIN_POLICY_APPROVAL


async def ban(user: User, group_id: str, other: User, seconds: int = 0, reason: str = "") -> member_pb2.Ban:
    """Ban somebody."""
    request = BanMemberRequest(group_id=group_id, user_id=other.id, duration_seconds=seconds, reason=reason)
    return (await user.do(user.world.members.BanMember, request)).ban


async def listed(user: User, group_id: str, page_size: int = 0) -> list[str]:
    """Who is banned, page by page."""
    found, token = [], ""
    while True:
        request = ListBansRequest(group_id=group_id, page_size=page_size, page_token=token)
        page = await user.do(user.world.members.ListBans, request)
        found += [one.user_id for one in page.bans]
        token = page.next_page_token
        if not token:
            return found


async def test_a_banned_member_is_out_and_stays_out(mesh: World) -> None:
    """A ban removes a member with an entry of the log, and no way leads back in: id, link, invitation or asking."""
    ann, bob = mesh.user(), mesh.user()
    group_id = await ann.makes(bob, join_policy=OPEN)
    kept = await ban(ann, group_id, bob, reason="spam")
    assert (kept.user_id, kept.banned_by, kept.expires_at_ms, kept.reason) == (bob.id, ann.id, 0, "spam")
    change = mesh.logs.memberships(group_id)[-1]
    assert (change.cause, list(change.removed_user_ids)) == (notice_pb2.MembershipChange.CAUSE_KICKED, [bob.id])
    assert mesh.logs.notices(bob.id)[-1].kind == notice_pb2.GroupNotice.KIND_REMOVED
    assert (await ann.do(mesh.groups.GetGroup, GetGroupRequest(group_id=group_id))).group.member_count == 1
    link = await ann.do(mesh.ways_in.CreateInviteLink, CreateInviteLinkRequest(request_id="l", group_id=group_id))
    for way in (JoinGroupRequest(group_id=group_id), JoinGroupRequest(token=link.invitation.token)):
        refusal = await bob.refused(mesh.ways_in.JoinGroup, way)
        assert (refusal.code.name, refusal.reason) == ("PERMISSION_DENIED", "JOIN_REFUSED")
    invited = await ann.do(mesh.ways_in.InviteMembers, InviteMembersRequest(group_id=group_id, user_ids=[bob.id]))
    assert [skip.cause for skip in invited.skipped] == [member_pb2.SkippedMember.CAUSE_BANNED]


async def test_a_ban_ends_by_time_or_by_hand(mesh: World) -> None:
    """Who was banned for an hour joins after it, who was unbanned at once; unbanning twice is no error."""
    ann, bob, eve = mesh.user(), mesh.user(), mesh.user()
    group_id = await ann.makes(bob, eve, join_policy=OPEN)
    kept = await ban(ann, group_id, bob, 3_600)
    assert kept.expires_at_ms == kept.created_at_ms + 3_600_000
    assert (await ban(ann, group_id, eve, 11 * 365 * 86_400)).expires_at_ms == 0
    for _ in range(2):
        await ann.do(mesh.members.UnbanMember, UnbanMemberRequest(group_id=group_id, user_id=eve.id))
    await eve.do(mesh.ways_in.JoinGroup, JoinGroupRequest(group_id=group_id))
    assert (await bob.refused(mesh.ways_in.JoinGroup, JoinGroupRequest(group_id=group_id))).reason == "JOIN_REFUSED"
    mesh.clock.advance(3_601)
    await bob.do(mesh.ways_in.JoinGroup, JoinGroupRequest(group_id=group_id))
    assert await listed(ann, group_id) == []


async def test_who_asks_to_join_can_be_banned(mesh: World) -> None:
    """A ban ends a request that waits; a stranger can be banned too, an unknown user cannot."""
    ann, bob, eve = mesh.user(), mesh.user(), mesh.user()
    group_id = await ann.makes(mesh.user(), join_policy=APPROVAL)
    await bob.do(mesh.ways_in.JoinGroup, JoinGroupRequest(group_id=group_id, answer="please"))
    await ban(ann, group_id, bob)
    answer = AnswerJoinRequestRequest(group_id=group_id, user_id=bob.id, accept=True)
    assert (await ann.refused(mesh.ways_in.AnswerJoinRequest, answer)).reason == "JOIN_REQUEST_CLOSED"
    assert (await bob.refused(mesh.ways_in.JoinGroup, JoinGroupRequest(group_id=group_id))).reason == "JOIN_REFUSED"
    await ban(ann, group_id, eve)
    nobody = BanMemberRequest(group_id=group_id, user_id="u" + "0" * 15)
    refusal = await ann.refused(mesh.members.BanMember, nobody)
    assert (refusal.code.name, refusal.reason) == ("NOT_FOUND", "USER_NOT_FOUND")


async def test_bans_are_for_who_stands_above(mesh: World) -> None:
    """Members ban nobody, admins nobody at or above them, nobody themselves; the list is for admins, in pages."""
    ann, bob, eve = mesh.user(), mesh.user(), mesh.user()
    group_id = await ann.makes(bob, eve)
    for user, other, reason in ((bob, eve, "ROLE_REQUIRED"), (bob, ann, "ROLE_REQUIRED"), (ann, ann, "KICK_SELF")):
        request = BanMemberRequest(group_id=group_id, user_id=other.id)
        assert (await user.refused(mesh.members.BanMember, request)).reason == reason
    from_member = UnbanMemberRequest(group_id=group_id, user_id=eve.id)
    assert (await bob.refused(mesh.members.UnbanMember, from_member)).reason == "ROLE_REQUIRED"
    others = [mesh.user() for _ in range(5)]
    for other in others:
        await ban(ann, group_id, other)
    await ban(ann, group_id, others[0], reason="again")
    assert sorted(await listed(ann, group_id, 2)) == sorted(other.id for other in others)
    assert (await bob.refused(mesh.members.ListBans, ListBansRequest(group_id=group_id))).reason == "ROLE_REQUIRED"
