"""Bad inputs: each gets its code, never INTERNAL or UNKNOWN, and the service answers the next call."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from mesh.errors import MeshError
from parley.group.v1 import group_pb2
from parley.group.v1.group_service_pb2 import (
    CreateGroupRequest,
    DissolveGroupRequest,
    GetGroupRequest,
    ListMyGroupsRequest,
    SetAnnouncementRequest,
    TransferGroupRequest,
    UpdateGroupRequest,
)
from parley.group.v1.invitation_service_pb2 import InviteMembersRequest, JoinGroupRequest
from parley.group.v1.member_service_pb2 import (
    GetMemberRequest,
    KickMembersRequest,
    LeaveGroupRequest,
    ListMembersRequest,
    MuteMemberRequest,
    SetMemberRoleRequest,
    UpdateMembershipRequest,
)
from tests.svc_group.world import User, World

CANARY = "canary-55aa"


@dataclass
class Scene:
    """A private group of an owner, an admin and a member, and somebody else."""

    world: World
    group_id: str
    owner: User
    admin: User
    member: User
    stranger: User

    async def update(self, *paths: str, user: User | None = None, **values: object) -> object:
        """Update settings."""
        settings = group_pb2.GroupSettings(**values)  # type: ignore[arg-type]
        request = UpdateGroupRequest(
            group_id=self.group_id, settings=settings, update_mask=FieldMask(paths=paths), expected_version=0
        )
        return await (user or self.owner).do(self.world.groups.UpdateGroup, request)

    async def create(self, name: str, member_ids: list[str]) -> object:
        """Create a group."""
        request = CreateGroupRequest(request_id="1", settings=group_pb2.GroupSettings(name=name), member_ids=member_ids)
        return await self.owner.do(self.world.groups.CreateGroup, request)

    async def members(self, user: User, **values: object) -> object:
        """List members."""
        request = ListMembersRequest(group_id=self.group_id, **values)  # type: ignore[arg-type]
        return await user.do(self.world.members.ListMembers, request)

    async def kick(self, user: User, *user_ids: str, group_id: str = "") -> object:
        """Kick."""
        request = KickMembersRequest(group_id=group_id or self.group_id, user_ids=user_ids)
        return await user.do(self.world.members.KickMembers, request)

    async def mute(self, user: User, seconds: int) -> object:
        """Mute the member."""
        request = MuteMemberRequest(group_id=self.group_id, user_id=self.member.id, duration_seconds=seconds)
        return await user.do(self.world.members.MuteMember, request)

    async def announce(self, user: User, text: str) -> object:
        """Set an announcement."""
        request = SetAnnouncementRequest(request_id="1", group_id=self.group_id, text=text)
        return await user.do(self.world.groups.SetAnnouncement, request)

    async def role(self, user: User, user_id: str, role: int) -> object:
        """Appoint."""
        request = SetMemberRoleRequest(group_id=self.group_id, user_id=user_id, role=group_pb2.Role.ValueType(role))
        return await user.do(self.world.members.SetMemberRole, request)

    async def join(self, user: User, **by: str) -> object:
        """Join."""
        return await user.do(self.world.ways_in.JoinGroup, JoinGroupRequest(**by))

    async def leave(self, user: User, group_id: str = "") -> object:
        """Leave."""
        request = LeaveGroupRequest(group_id=group_id or self.group_id)
        return await user.do(self.world.members.LeaveGroup, request)

    async def token_of_another_query(self) -> object:
        """Use a page token with another filter."""
        first = ListMembersRequest(group_id=self.group_id, page_size=1)
        page = await self.owner.do(self.world.members.ListMembers, first)
        return await self.members(self.owner, page_token=page.next_page_token, query="na")

    async def token_of_another_user(self) -> object:
        """Use somebody else's page token."""
        first = ListMembersRequest(group_id=self.group_id, page_size=1)
        page = await self.owner.do(self.world.members.ListMembers, first)
        return await self.members(self.admin, page_token=page.next_page_token)

    async def tampered_token(self) -> object:
        """Alter one character of a page token."""
        first = ListMembersRequest(group_id=self.group_id, page_size=1)
        token = (await self.owner.do(self.world.members.ListMembers, first)).next_page_token
        middle = len(token) // 2
        altered = token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]
        return await self.members(self.owner, page_token=altered)

    async def stale(self) -> object:
        """Update on top of a version that is gone."""
        await self.update("name", name="one")
        settings = group_pb2.GroupSettings(name="two")
        mask = FieldMask(paths=["name"])
        request = UpdateGroupRequest(group_id=self.group_id, settings=settings, update_mask=mask, expected_version=1)
        return await self.owner.do(self.world.groups.UpdateGroup, request)

    async def after_dissolving(self) -> object:
        """Kick in a group that is no more."""
        await self.owner.do(self.world.groups.DissolveGroup, DissolveGroupRequest(group_id=self.group_id))
        return await self.kick(self.admin, self.member.id)


async def scene(world: World) -> Scene:
    """Make the group."""
    owner, admin, member, stranger = (world.user(CANARY) for _ in range(4))
    group_id = await owner.makes(admin, member, name=CANARY)
    made = Scene(world, group_id, owner, admin, member, stranger)
    await made.role(owner, admin.id, 2)
    return made


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
    ("7 wrong id", lambda s: s.create("team", ["nobody"]), "INVALID_ARGUMENT", "INVALID_REQUEST"),
    ("8 private", lambda s: s.join(s.stranger, group_id=s.group_id), "PERMISSION_DENIED", "JOIN_REFUSED"),
    ("10 not in it", lambda s: s.leave(s.stranger), "NOT_FOUND", "GROUP_NOT_FOUND"),
    ("11 owner leaves", lambda s: s.leave(s.owner), "FAILED_PRECONDITION", "OWNER_CANNOT_LEAVE"),
    ("12 kick the owner", lambda s: s.kick(s.admin, s.owner.id), "PERMISSION_DENIED", "ROLE_TOO_HIGH"),
    ("12 kick as member", lambda s: s.kick(s.member, s.admin.id), "PERMISSION_DENIED", "ROLE_REQUIRED"),
    ("13 kick oneself", lambda s: s.kick(s.admin, s.admin.id), "INVALID_ARGUMENT", "KICK_SELF"),
    ("14 promote oneself", lambda s: s.role(s.member, s.member.id, 2), "PERMISSION_DENIED", "ROLE_REQUIRED"),
    ("14 a second owner", lambda s: s.role(s.owner, s.member.id, 3), "INVALID_ARGUMENT", "INVALID_REQUEST"),
    ("14 the owner's own role", lambda s: s.role(s.owner, s.owner.id, 1), "INVALID_ARGUMENT", "INVALID_REQUEST"),
    ("16 stale version", lambda s: s.stale(), "ABORTED", "VERSION_CONFLICT"),
    ("17 empty mask", lambda s: s.update(name="x"), "INVALID_ARGUMENT", "INVALID_REQUEST"),
    ("18 unknown path", lambda s: s.update("colour", name="x"), "INVALID_ARGUMENT", "INVALID_REQUEST"),
    ("19 output only", lambda s: s.update("owner_id", name="x"), "INVALID_ARGUMENT", "INVALID_REQUEST"),
    ("21 negative mute", lambda s: s.mute(s.owner, -1), "INVALID_ARGUMENT", "INVALID_REQUEST"),
    ("22 long announcement", lambda s: s.announce(s.owner, "x" * 5_001), "INVALID_ARGUMENT", "INVALID_REQUEST"),
    ("22 huge announcement", lambda s: s.announce(s.owner, "x" * 2**20), "RESOURCE_EXHAUSTED", ""),
    ("25 tampered link", lambda s: s.join(s.stranger, token="x" * 24), "INVALID_ARGUMENT", "INVITATION_INVALID"),
    ("27 negative page", lambda s: s.members(s.owner, page_size=-1), "INVALID_ARGUMENT", "INVALID_REQUEST"),
    ("28 other query", lambda s: s.token_of_another_query(), "INVALID_ARGUMENT", "PAGE_TOKEN_INVALID"),
    ("28 other user", lambda s: s.token_of_another_user(), "INVALID_ARGUMENT", "PAGE_TOKEN_INVALID"),
    ("28 tampered", lambda s: s.tampered_token(), "INVALID_ARGUMENT", "PAGE_TOKEN_INVALID"),
    ("28 no token of ours", lambda s: s.members(s.owner, page_token="é%"), "INVALID_ARGUMENT", "PAGE_TOKEN_INVALID"),
    ("28 empty payload", lambda s: s.members(s.owner, page_token="AAAA"), "INVALID_ARGUMENT", "PAGE_TOKEN_INVALID"),
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
    (
        "45 another group's owner",
        lambda s: s.member.do(
            s.world.groups.TransferGroup, TransferGroupRequest(group_id=s.group_id, new_owner_id=s.member.id)
        ),
        "PERMISSION_DENIED",
        "ROLE_REQUIRED",
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
    await made.owner.do(mesh.groups.GetGroup, GetGroupRequest(group_id=made.group_id))


ACCEPTED: list[tuple[str, Callable[[Scene], Awaitable[object]]]] = [
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
