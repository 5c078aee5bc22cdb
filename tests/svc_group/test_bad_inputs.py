"""Bad inputs: each gets its code, never INTERNAL or UNKNOWN, and the service answers the next call.

The number before a case is that of the list of bad inputs to groups.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from mesh.errors import MeshError
from parley.group.v1 import group_pb2, member_pb2
from parley.group.v1.group_service_pb2 import (
    CreateGroupRequest,
    DissolveGroupRequest,
    GetGroupRequest,
    ListMyGroupsRequest,
    SetAnnouncementRequest,
    TransferGroupRequest,
    UpdateGroupRequest,
)
from parley.group.v1.invitation_service_pb2 import InviteMembersRequest
from parley.group.v1.member_service_pb2 import (
    GetMemberRequest,
    KickMembersRequest,
    LeaveGroupRequest,
    ListMembersRequest,
    UpdateMembershipRequest,
)
from svc_group.app import Settings
from tests.svc_group.probing import CANARY, PROBE_S, Scene, scene
from tests.svc_group.world import World, service, world

Case = tuple[str, Callable[[Scene], Awaitable[object]], str, str]
ANY = "u" + "0" * 15

REFUSED: list[Case] = [
    ("1 no name", lambda s: s.create("", [ANY]), "INVALID_ARGUMENT", "INVALID_REQUEST"),
    ("1 name that shows nothing", lambda s: s.create("   ", [ANY]), "INVALID_ARGUMENT", "INVALID_REQUEST"),
    ("1 name of 257", lambda s: s.create("x" * 257, [ANY]), "INVALID_ARGUMENT", "INVALID_REQUEST"),
    ("1 name with a line break", lambda s: s.create("a\nb", [ANY]), "INVALID_ARGUMENT", "INVALID_REQUEST"),
    ("1 cleared name", lambda s: s.update("name"), "INVALID_ARGUMENT", "INVALID_REQUEST"),
    ("2 no members", lambda s: s.create("team", []), "INVALID_ARGUMENT", "INVALID_REQUEST"),
    ("3 too many members", lambda s: s.create("team", [ANY] * 10_001), "INVALID_ARGUMENT", "INVALID_REQUEST"),
    (
        "5 unknown member",
        lambda s: s.owner.do(s.world.members.GetMember, GetMemberRequest(group_id=s.group_id, user_id=ANY)),
        "NOT_FOUND",
        "MEMBER_NOT_FOUND",
    ),
    ("5 unknown user banned", lambda s: s.ban(s.owner, ANY), "NOT_FOUND", "USER_NOT_FOUND"),
    ("7 wrong id", lambda s: s.create("team", ["nobody"]), "INVALID_ARGUMENT", "INVALID_REQUEST"),
    ("8 private", lambda s: s.join(s.stranger, group_id=s.group_id), "PERMISSION_DENIED", "JOIN_REFUSED"),
    ("10 not in it", lambda s: s.leave(s.stranger), "NOT_FOUND", "GROUP_NOT_FOUND"),
    ("10 left already", lambda s: s.leave_twice(), "FAILED_PRECONDITION", "NOT_MEMBER"),
    ("11 owner leaves", lambda s: s.leave(s.owner), "FAILED_PRECONDITION", "OWNER_CANNOT_LEAVE"),
    ("12 kick the owner", lambda s: s.kick(s.admin, s.owner.id), "PERMISSION_DENIED", "ROLE_TOO_HIGH"),
    ("12 kick as member", lambda s: s.kick(s.member, s.admin.id), "PERMISSION_DENIED", "ROLE_REQUIRED"),
    ("13 kick oneself", lambda s: s.kick(s.admin, s.admin.id), "INVALID_ARGUMENT", "KICK_SELF"),
    ("14 promote oneself", lambda s: s.role(s.member, s.member.id, 2), "PERMISSION_DENIED", "ROLE_REQUIRED"),
    ("14 a second owner", lambda s: s.role(s.owner, s.member.id, 3), "INVALID_ARGUMENT", "INVALID_REQUEST"),
    ("14 the owner's own role", lambda s: s.role(s.owner, s.owner.id, 1), "INVALID_ARGUMENT", "INVALID_REQUEST"),
    ("15 two transfers", lambda s: s.two_transfers(), "ABORTED", "VERSION_CONFLICT"),
    ("16 stale version", lambda s: s.stale(), "ABORTED", "VERSION_CONFLICT"),
    ("17 empty mask", lambda s: s.update(name="x"), "INVALID_ARGUMENT", "INVALID_REQUEST"),
    ("18 unknown path", lambda s: s.update("colour", name="x"), "INVALID_ARGUMENT", "INVALID_REQUEST"),
    ("19 output only", lambda s: s.update("owner_id", name="x"), "INVALID_ARGUMENT", "INVALID_REQUEST"),
    ("21 negative mute", lambda s: s.mute(s.owner, -1), "INVALID_ARGUMENT", "INVALID_REQUEST"),
    ("22 long announcement", lambda s: s.announce(s.owner, "x" * 5_001), "INVALID_ARGUMENT", "INVALID_REQUEST"),
    ("22 announcement of 1 MB", lambda s: s.announce(s.owner, "x" * 10**6), "INVALID_ARGUMENT", "INVALID_REQUEST"),
    ("22 huge announcement", lambda s: s.announce(s.owner, "x" * 2**20), "INVALID_ARGUMENT", "INVALID_REQUEST"),
    (
        "23 link expired",
        lambda s: s.through_link(s.stranger, ttl_seconds=60, later=61),
        "FAILED_PRECONDITION",
        "INVITATION_EXPIRED",
    ),
    (
        "24 link used up",
        lambda s: s.through_link(s.stranger, s.world.user(), max_uses=1),
        "FAILED_PRECONDITION",
        "INVITATION_USED_UP",
    ),
    ("25 tampered link", lambda s: s.join(s.stranger, token="x" * 24), "INVALID_ARGUMENT", "INVITATION_INVALID"),
    ("26 guess tokens", lambda s: s.guess(100), "RESOURCE_EXHAUSTED", "RATE_LIMITED"),
    ("27 negative page", lambda s: s.members(s.owner, page_size=-1), "INVALID_ARGUMENT", "INVALID_REQUEST"),
    ("28 other query", lambda s: s.token_of_another_query(), "INVALID_ARGUMENT", "PAGE_TOKEN_INVALID"),
    ("28 other user", lambda s: s.token_of_another_user(), "INVALID_ARGUMENT", "PAGE_TOKEN_INVALID"),
    ("28 tampered", lambda s: s.tampered_token(), "INVALID_ARGUMENT", "PAGE_TOKEN_INVALID"),
    ("28 no text", lambda s: s.forged_token("\ud800"), "INVALID_ARGUMENT", "PAGE_TOKEN_INVALID"),
    ("28 no id", lambda s: s.forged_token("\0"), "INVALID_ARGUMENT", "PAGE_TOKEN_INVALID"),
    ("28 no token of ours", lambda s: s.members(s.owner, page_token="é%"), "INVALID_ARGUMENT", "PAGE_TOKEN_INVALID"),
    ("28 empty payload", lambda s: s.members(s.owner, page_token="AAAA"), "INVALID_ARGUMENT", "PAGE_TOKEN_INVALID"),
    (
        "29 order in the token",
        lambda s: s.members(s.owner, page_token="name; --"),
        "INVALID_ARGUMENT",
        "PAGE_TOKEN_INVALID",
    ),
    ("32 one character", lambda s: s.members(s.owner, query="x"), "INVALID_ARGUMENT", "INVALID_REQUEST"),
    (
        "41 dissolve as admin",
        lambda s: s.admin.do(s.world.groups.DissolveGroup, DissolveGroupRequest(group_id=s.group_id)),
        "PERMISSION_DENIED",
        "ROLE_REQUIRED",
    ),
    ("42 dissolved", lambda s: s.after_dissolving(), "FAILED_PRECONDITION", "GROUP_DISSOLVED"),
    (
        "43 a direct chat",
        lambda s: s.kick(s.owner, ANY, group_id=f"{s.owner.id}-{s.member.id}"),
        "INVALID_ARGUMENT",
        "INVALID_REQUEST",
    ),
    ("44 key characters", lambda s: s.leave(s.owner, "g{0}:*00000000000"), "INVALID_ARGUMENT", "INVALID_REQUEST"),
    ("14 take the group", lambda s: s.transfer(s.member, s.member), "PERMISSION_DENIED", "ROLE_REQUIRED"),
    (
        "44 key characters in a user",
        lambda s: s.create("team", ["u{0}:*00000000000"]),
        "INVALID_ARGUMENT",
        "INVALID_REQUEST",
    ),
]


@pytest.mark.parametrize("name, act, code, reason", REFUSED, ids=[case[0] for case in REFUSED])
async def test_what_is_wrong_is_refused(
    mesh: World, name: str, act: Callable[[Scene], Awaitable[object]], code: str, reason: str
) -> None:
    """The code and the reason are those of the contract, no name of anybody's is in the error, and all goes on."""
    made = await scene(mesh)
    with pytest.raises(MeshError) as refusal:
        await act(made)
    error = refusal.value
    assert (error.code.name, error.reason) == (code, reason)
    assert CANARY not in f"{error.message}{error.metadata}{error.fields}"
    assert await made.probe() < PROBE_S


ACCEPTED: list[tuple[str, Callable[[Scene], Awaitable[object]]]] = [
    ("9 join twice", lambda s: s.join_twice()),
    ("20 mute of 100 years", lambda s: s.mute(s.owner, 100 * 365 * 86_400)),
    ("20 mute of 2^62 s", lambda s: s.mute(s.owner, 2**62)),
    ("27 no page size", lambda s: s.members(s.member, page_size=0)),
    ("27 huge page size", lambda s: s.members(s.member, page_size=1_000_000)),
    ("30 mongo operator", lambda s: s.members(s.member, query='{"$ne":1}')),
    ("30 sql", lambda s: s.members(s.member, query="' OR 1=1; DROP TABLE member; --")),
    ("31 regex bomb", lambda s: s.members(s.member, query="(a+)+$")),
]


@pytest.mark.parametrize("name, act", ACCEPTED, ids=[case[0] for case in ACCEPTED])
async def test_what_looks_wrong_is_taken_as_it_is(
    mesh: World, name: str, act: Callable[[Scene], Awaitable[object]]
) -> None:
    """Large numbers are clamped and text is text."""
    made = await scene(mesh)
    await act(made)
    listed = await made.owner.do(mesh.members.ListMembers, ListMembersRequest(group_id=made.group_id))
    assert len(listed.members) == 3
    assert await made.probe() < PROBE_S


async def test_members_who_cannot_be_added_are_named(mesh: World) -> None:
    """4, 5, 6: doubles count once, unknown users and those who blocked the caller are passed over and listed."""
    made = await scene(mesh)
    mesh.directory.blocks.add((made.stranger.id, made.owner.id))
    created = await made.create_with(made.member.id, made.member.id, ANY, made.stranger.id)
    assert created.group.member_count == 2
    skip = member_pb2.SkippedMember
    assert {(one.user_id, one.cause) for one in created.skipped} == {
        (ANY, skip.CAUSE_USER_NOT_FOUND),
        (made.stranger.id, skip.CAUSE_NOT_ALLOWED_BY_USER),
    }
    assert await made.probe() < PROBE_S


async def test_nobody_makes_groups_without_end(tmp_path: Path) -> None:
    """45: one more group than a user may make in an hour is RESOURCE_EXHAUSTED, with the time to wait."""
    async with world(tmp_path, settings=Settings()) as made, service(made):
        ann, bob = made.user(), made.user()
        for _ in range(Settings().new_groups_per_hour):
            await ann.makes(bob)
        refusal = await ann.refused(
            made.groups.CreateGroup,
            CreateGroupRequest(request_id="last", settings=group_pb2.GroupSettings(name="team"), member_ids=[bob.id]),
        )
        assert (refusal.code.name, refusal.reason) == ("RESOURCE_EXHAUSTED", "RATE_LIMITED")
        assert refusal.retry_after


def test_every_input_of_the_list_is_here() -> None:
    """The suite names the inputs 1 to 29 and 41 to 45 of the list of bad inputs to groups, and leaves none out."""
    named = {int(name.split()[0]) for name in [case[0] for case in REFUSED] + [case[0] for case in ACCEPTED]}
    assert named | {4, 5, 6, 45} >= {*range(1, 30), *range(41, 46)}


@pytest.mark.parametrize("kind", ["no such group", "private group"])
async def test_a_group_one_may_not_know_of_is_like_none(mesh: World, kind: str) -> None:
    """For a stranger every verb gives the same answer for a private group as for none at all; joining alone differs."""
    made = await scene(mesh)
    group_id = made.group_id if kind == "private group" else "g" + "0" * 15
    stranger, other = made.stranger, made.member.id
    mask = FieldMask(paths=["name"])
    settings = group_pb2.GroupSettings(name="mine")
    nickname = UpdateMembershipRequest(group_id=group_id, update_mask=FieldMask(paths=["nickname"]), nickname="x")
    refusals = [
        await stranger.refused(mesh.groups.GetGroup, GetGroupRequest(group_id=group_id)),
        await stranger.refused(
            mesh.groups.UpdateGroup, UpdateGroupRequest(group_id=group_id, settings=settings, update_mask=mask)
        ),
        await stranger.refused(mesh.groups.SetAnnouncement, SetAnnouncementRequest(request_id="1", group_id=group_id)),
        await stranger.refused(mesh.groups.DissolveGroup, DissolveGroupRequest(group_id=group_id)),
        await stranger.refused(mesh.groups.TransferGroup, TransferGroupRequest(group_id=group_id, new_owner_id=other)),
        await stranger.refused(mesh.members.ListMembers, ListMembersRequest(group_id=group_id)),
        await stranger.refused(mesh.members.GetMember, GetMemberRequest(group_id=group_id, user_id=other)),
        await stranger.refused(mesh.members.KickMembers, KickMembersRequest(group_id=group_id, user_ids=[other])),
        await stranger.refused(mesh.members.LeaveGroup, LeaveGroupRequest(group_id=group_id)),
        await stranger.refused(mesh.members.UpdateMembership, nickname),
        await stranger.refused(mesh.ways_in.InviteMembers, InviteMembersRequest(group_id=group_id, user_ids=[other])),
    ]
    assert {(refusal.code.name, refusal.reason) for refusal in refusals} == {("NOT_FOUND", "GROUP_NOT_FOUND")}
    assert not (await stranger.do(mesh.groups.ListMyGroups, ListMyGroupsRequest())).groups
