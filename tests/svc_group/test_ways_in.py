"""Inviting, joining, asking, and links."""

import pytest

from parley.group.v1 import group_pb2, member_pb2
from parley.group.v1.group_service_pb2 import DissolveGroupRequest, GetGroupRequest
from parley.group.v1.invitation_service_pb2 import (
    AnswerJoinRequestRequest,
    CreateInviteLinkRequest,
    DeclineInvitationRequest,
    InviteMembersRequest,
    JoinGroupRequest,
    ListInviteLinksRequest,
    ListJoinRequestsRequest,
    RevokeInviteLinkRequest,
)
from parley.message.v1 import notice_pb2
from parley.user.v1 import user_pb2
from tests.svc_group.world import User, World

Skip = member_pb2.SkippedMember
Cause = notice_pb2.MembershipChange
Kind = notice_pb2.GroupNotice
OPEN, APPROVAL, CLOSED = (
    group_pb2.JOIN_POLICY_OPEN,
    group_pb2.JOIN_POLICY_APPROVAL,
    group_pb2.JOIN_POLICY_CLOSED,
)


async def link(user: User, group_id: str, *, max_uses: int = 0, ttl_seconds: int = 0) -> member_pb2.Invitation:
    """Make a link."""
    request = CreateInviteLinkRequest(
        request_id=user.world.ids.new("r"), group_id=group_id, max_uses=max_uses, ttl_seconds=ttl_seconds
    )
    return (await user.do(user.world.ways_in.CreateInviteLink, request)).invitation


async def test_inviting_adds_each_once(mesh: World) -> None:
    """Who is invited twice is added once, and the second time is skipped as a member."""
    ann, bob, eve = mesh.user(), mesh.user(), mesh.user()
    group_id = await ann.makes(bob)
    request = InviteMembersRequest(group_id=group_id, user_ids=[eve.id, eve.id])
    assert list((await bob.do(mesh.ways_in.InviteMembers, request)).added_user_ids) == [eve.id]
    [skip] = (await bob.do(mesh.ways_in.InviteMembers, request)).skipped
    assert skip.cause == Skip.CAUSE_ALREADY_MEMBER
    change = mesh.logs.memberships(group_id)[-1]
    assert (change.cause, change.added[0].user_id) == (Cause.CAUSE_INVITED, eve.id)
    assert mesh.logs.of(group_id)[-1].sender_id == bob.id
    assert len(mesh.logs.memberships(group_id)) == 2


async def test_who_was_asked_accepts_or_declines(mesh: World) -> None:
    """An invitation waits for its user: accepting makes a member, declining ends it, repeating asks nobody twice."""
    ann, bob, eve = mesh.user(), mesh.user(), mesh.user()
    group_id = await ann.makes(mesh.user())
    for user in (bob, eve):
        mesh.directory.know(user.id, audience=user_pb2.AUDIENCE_NOBODY)
    request = InviteMembersRequest(group_id=group_id, user_ids=[bob.id, eve.id], greeting="come")
    for _ in range(2):
        pending = (await ann.do(mesh.ways_in.InviteMembers, request)).pending
        assert {(ask.user_id, ask.answer) for ask in pending} == {(bob.id, "come"), (eve.id, "come")}
    assert [notice.kind for notice in mesh.logs.notices(bob.id)] == [Kind.KIND_INVITED]
    assert (await bob.do(mesh.groups.GetGroup, GetGroupRequest(group_id=group_id))).group.settings.name == "team"
    joined = (await bob.do(mesh.ways_in.JoinGroup, JoinGroupRequest(group_id=group_id))).joined
    assert (joined.member_count, joined.own.role) == (3, group_pb2.ROLE_MEMBER)
    for _ in range(2):
        await eve.do(mesh.ways_in.DeclineInvitation, DeclineInvitationRequest(group_id=group_id))
    refusal = await eve.refused(mesh.ways_in.JoinGroup, JoinGroupRequest(group_id=group_id))
    assert (refusal.code.name, refusal.reason) == ("PERMISSION_DENIED", "JOIN_REFUSED")


async def test_an_invitation_waits_thirty_days(mesh: World) -> None:
    """After that it lets nobody in."""
    ann, bob = mesh.user(), mesh.user()
    group_id = await ann.makes(mesh.user())
    mesh.directory.know(bob.id, audience=user_pb2.AUDIENCE_NOBODY)
    await ann.do(mesh.ways_in.InviteMembers, InviteMembersRequest(group_id=group_id, user_ids=[bob.id]))
    mesh.clock.advance(30 * 86_400 + 1)
    refusal = await bob.refused(mesh.ways_in.JoinGroup, JoinGroupRequest(group_id=group_id))
    assert refusal.reason == "JOIN_REFUSED"


async def test_an_open_group_is_joined_by_its_id(mesh: World) -> None:
    """Joining is an entry by oneself; joining twice is no error and no entry."""
    ann, bob, eve = mesh.user(), mesh.user(), mesh.user()
    group_id = await ann.makes(bob, join_policy=OPEN, history_visibility=group_pb2.HISTORY_VISIBILITY_ALL)
    for _ in range(2):
        joined = (await eve.do(mesh.ways_in.JoinGroup, JoinGroupRequest(group_id=group_id))).joined
        assert joined.member_count == 3
    [_, change] = mesh.logs.memberships(group_id)
    assert (change.cause, change.history_visible) == (Cause.CAUSE_JOINED, True)
    assert mesh.logs.of(group_id)[-1].sender_id == eve.id


async def test_outsiders_see_only_the_face_of_an_open_group(mesh: World) -> None:
    """Name, introduction and count are shown, owner, announcement and version are not."""
    ann, bob, eve = mesh.user(), mesh.user(), mesh.user()
    group_id = await ann.makes(bob, join_policy=OPEN, introduction="hello")
    group = (await eve.do(mesh.groups.GetGroup, GetGroupRequest(group_id=group_id))).group
    assert (group.settings.name, group.settings.introduction, group.member_count) == ("team", "hello", 2)
    assert (group.owner_id, group.version, group.HasField("own")) == ("", 0, False)


async def test_a_group_with_approval_asks_its_admins(mesh: World) -> None:
    """Asking makes one pending request and tells the admins; accepted one is a member, refused one is told."""
    ann, bob, eve, kim = mesh.user(), mesh.user(), mesh.user(), mesh.user()
    group_id = await ann.makes(bob, join_policy=APPROVAL)
    for user in (eve, eve, kim):
        outcome = await user.do(mesh.ways_in.JoinGroup, JoinGroupRequest(group_id=group_id, answer="please"))
        assert outcome.pending.state == member_pb2.JOIN_REQUEST_STATE_PENDING
    kinds = [notice.kind for notice in mesh.logs.notices(ann.id)]
    assert kinds.count(Kind.KIND_JOIN_REQUESTED) == 2
    listed = await ann.do(mesh.ways_in.ListJoinRequests, ListJoinRequestsRequest(group_id=group_id, pending_only=True))
    assert {request.user_id for request in listed.join_requests} == {eve.id, kim.id}
    for user, accept in ((eve, True), (eve, True), (kim, False)):
        answer = AnswerJoinRequestRequest(group_id=group_id, user_id=user.id, accept=accept)
        await ann.do(mesh.ways_in.AnswerJoinRequest, answer)
    assert mesh.logs.roles(group_id).keys() == {ann.id, bob.id, eve.id}
    assert mesh.logs.notices(kim.id)[-1].kind == Kind.KIND_JOIN_REFUSED
    changed_mind = AnswerJoinRequestRequest(group_id=group_id, user_id=kim.id, accept=True)
    assert (await ann.refused(mesh.ways_in.AnswerJoinRequest, changed_mind)).reason == "JOIN_REQUEST_CLOSED"
    assert (await bob.refused(mesh.ways_in.AnswerJoinRequest, changed_mind)).reason == "ROLE_REQUIRED"


async def test_a_request_of_an_account_that_is_no_more_can_be_refused(mesh: World) -> None:
    """An admin who lets it in is told that the user is gone, not that their own token is; refusing settles it."""
    ann, bob, eve = mesh.user(), mesh.user(), mesh.user()
    group_id = await ann.makes(bob, join_policy=APPROVAL)
    await eve.do(mesh.ways_in.JoinGroup, JoinGroupRequest(group_id=group_id))
    del mesh.directory.people[eve.id]
    accept = AnswerJoinRequestRequest(group_id=group_id, user_id=eve.id, accept=True)
    error = await ann.refused(mesh.ways_in.AnswerJoinRequest, accept)
    assert (error.code.name, error.reason) == ("NOT_FOUND", "USER_NOT_FOUND")
    stranger = await mesh.user().refused(mesh.ways_in.AnswerJoinRequest, accept)
    assert stranger.reason == "ROLE_REQUIRED", "who has no part in the group does not learn who is gone"
    refuse = AnswerJoinRequestRequest(group_id=group_id, user_id=eve.id, accept=False)
    decided = (await ann.do(mesh.ways_in.AnswerJoinRequest, refuse)).join_request
    assert decided.state == member_pb2.JOIN_REQUEST_STATE_REFUSED


async def test_whom_a_member_brings_waits_for_an_admin(mesh: World) -> None:
    """In a group with approval a member's invitation is a request, an admin's takes effect and settles it."""
    ann, bob, eve = mesh.user(), mesh.user(), mesh.user()
    group_id = await ann.makes(bob, join_policy=APPROVAL)
    request = InviteMembersRequest(group_id=group_id, user_ids=[eve.id])
    [pending] = (await bob.do(mesh.ways_in.InviteMembers, request)).pending
    assert (pending.inviter_id, pending.state) == (bob.id, member_pb2.JOIN_REQUEST_STATE_PENDING)
    assert list((await ann.do(mesh.ways_in.InviteMembers, request)).added_user_ids) == [eve.id]
    own = await eve.do(mesh.ways_in.ListJoinRequests, ListJoinRequestsRequest())
    assert [mine.state for mine in own.join_requests] == [member_pb2.JOIN_REQUEST_STATE_ACCEPTED]


@pytest.mark.parametrize("way", ["a member invites too", "a link with approval"])
async def test_an_invitation_is_not_lost_to_a_way_that_needs_approval(mesh: World, way: str) -> None:
    """Whom an admin has asked needs nobody's approval, whatever others do and whichever way they come."""
    ann, bob, eve = mesh.user(), mesh.user(), mesh.user()
    group_id = await ann.makes(bob, join_policy=APPROVAL)
    mesh.directory.know(eve.id, audience=user_pb2.AUDIENCE_NOBODY)
    request = InviteMembersRequest(group_id=group_id, user_ids=[eve.id])
    [asked] = (await ann.do(mesh.ways_in.InviteMembers, request)).pending
    assert asked.state == member_pb2.JOIN_REQUEST_STATE_AWAITING_USER
    by = JoinGroupRequest(group_id=group_id)
    if way == "a member invites too":
        assert list((await bob.do(mesh.ways_in.InviteMembers, request)).pending) == [asked]
    else:
        by = JoinGroupRequest(token=(await link(bob, group_id)).token)
    assert (await eve.do(mesh.ways_in.JoinGroup, by)).joined.own.role == group_pb2.ROLE_MEMBER


async def test_nobody_waits_to_get_into_a_group_that_has_ended(mesh: World) -> None:
    """Own requests and invitations of a dissolved group have expired, and are not among those that wait."""
    ann, bob, eve = mesh.user(), mesh.user(), mesh.user()
    ended, lasting = [await ann.makes(mesh.user(), join_policy=APPROVAL) for _ in range(2)]
    mesh.directory.know(bob.id, audience=user_pb2.AUDIENCE_NOBODY)
    for group_id in (ended, lasting):
        await eve.do(mesh.ways_in.JoinGroup, JoinGroupRequest(group_id=group_id))
        await ann.do(mesh.ways_in.InviteMembers, InviteMembersRequest(group_id=group_id, user_ids=[bob.id]))
    await ann.do(mesh.groups.DissolveGroup, DissolveGroupRequest(group_id=ended))
    for user in (bob, eve):
        waiting = await user.do(mesh.ways_in.ListJoinRequests, ListJoinRequestsRequest(pending_only=True))
        assert [one.group_id for one in waiting.join_requests] == [lasting]
        every = (await user.do(mesh.ways_in.ListJoinRequests, ListJoinRequestsRequest())).join_requests
        assert {one.group_id: one.state for one in every}[ended] == member_pb2.JOIN_REQUEST_STATE_EXPIRED


async def test_who_may_not_invite(mesh: World) -> None:
    """A stranger learns nothing, a member below the invite role lacks it, and a closed group takes nobody."""
    ann, bob, eve = mesh.user(), mesh.user(), mesh.user()
    private = await ann.makes(bob, invite_role=group_pb2.ROLE_ADMIN)
    closed = await ann.makes(bob, join_policy=CLOSED)
    request = InviteMembersRequest(group_id=private, user_ids=[eve.id])
    assert (await eve.refused(mesh.ways_in.InviteMembers, request)).reason == "GROUP_NOT_FOUND"
    assert (await bob.refused(mesh.ways_in.InviteMembers, request)).reason == "ROLE_REQUIRED"
    request.group_id = closed
    assert (await ann.refused(mesh.ways_in.InviteMembers, request)).reason == "GROUP_CLOSED"


async def test_a_link_lets_in_as_often_as_it_may(mesh: World) -> None:
    """It shows the group and lets its holders in, members do not use it up, and then it is used up."""
    ann, bob, eve, kim = mesh.user(), mesh.user(), mesh.user(), mesh.user()
    group_id = await ann.makes(bob)
    made = await link(ann, group_id, max_uses=1)
    shown = (await eve.do(mesh.groups.GetGroup, GetGroupRequest(token=made.token))).group
    assert (shown.settings.name, shown.owner_id) == ("team", "")
    for user in (bob, eve):
        joined = await user.do(mesh.ways_in.JoinGroup, JoinGroupRequest(token=made.token))
        assert joined.joined.group_id == group_id
    refusal = await kim.refused(mesh.ways_in.JoinGroup, JoinGroupRequest(token=made.token))
    assert (refusal.code.name, refusal.reason) == ("FAILED_PRECONDITION", "INVITATION_USED_UP")


async def test_a_link_ends(mesh: World) -> None:
    """After its time, and when it is revoked, it lets nobody in; each sees and revokes only what is theirs."""
    ann, bob, eve = mesh.user(), mesh.user(), mesh.user()
    group_id = await ann.makes(bob)
    short, revoked = await link(ann, group_id, ttl_seconds=60), await link(ann, group_id)
    end = RevokeInviteLinkRequest(invitation_id=revoked.invitation_id)
    assert (await bob.refused(mesh.ways_in.RevokeInviteLink, end)).reason == "INVITATION_NOT_FOUND"
    listing = ListInviteLinksRequest(group_id=group_id)
    assert len((await ann.do(mesh.ways_in.ListInviteLinks, listing)).invitations) == 2
    assert not (await bob.do(mesh.ways_in.ListInviteLinks, listing)).invitations
    for _ in range(2):
        await ann.do(mesh.ways_in.RevokeInviteLink, end)
    mesh.clock.advance(61)
    for token in (short.token, revoked.token):
        refusal = await eve.refused(mesh.ways_in.JoinGroup, JoinGroupRequest(token=token))
        assert (refusal.code.name, refusal.reason) == ("FAILED_PRECONDITION", "INVITATION_EXPIRED")


async def test_tokens_cannot_be_tried_out(mesh: World) -> None:
    """A wrong token is INVALID_ARGUMENT, and after twenty in an hour RESOURCE_EXHAUSTED with the time to wait."""
    eve = mesh.user()
    refusals = [
        await eve.refused(mesh.ways_in.JoinGroup, JoinGroupRequest(token=f"guess-{number}")) for number in range(21)
    ]
    assert {refusal.reason for refusal in refusals[:20]} == {"INVITATION_INVALID"}
    assert (refusals[20].code.name, refusals[20].reason) == ("RESOURCE_EXHAUSTED", "RATE_LIMITED")
    assert refusals[20].retry_after
