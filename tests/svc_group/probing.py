"""A group whose RPCs are called wrongly, and the probe that shows that the service goes on."""

import asyncio
import time
from dataclasses import dataclass

from google.protobuf.field_mask_pb2 import FieldMask

from mesh.errors import MeshError
from parley.group.v1 import group_pb2, group_service_pb2
from parley.group.v1.group_service_pb2 import (
    CreateGroupRequest,
    DissolveGroupRequest,
    GetGroupRequest,
    SetAnnouncementRequest,
    TransferGroupRequest,
    UpdateGroupRequest,
)
from parley.group.v1.invitation_service_pb2 import CreateInviteLinkRequest, JoinGroupRequest, ListInviteLinksRequest
from parley.group.v1.member_service_pb2 import (
    BanMemberRequest,
    KickMembersRequest,
    LeaveGroupRequest,
    ListMembersRequest,
    MuteMemberRequest,
    SetMemberRoleRequest,
)
from svc_group.application import paging
from tests.svc_group.world import User, World

CANARY = "canary-55aa"

PROBE_S = 0.1
"""An answer costs no more than this, in CPU seconds of everything here, after whatever was asked of the service. What a
clock would show depends on what else the machine does.
"""

PROBES = 5
"""The cheapest of so many counts: something of the service may have its turn meanwhile."""


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

    async def forged_token(self, place: str) -> object:
        """Use a page token that somebody made: there is no key, so anybody can seal a place."""
        forged = paging.token([place], "links", self.owner.id, self.group_id)
        request = ListInviteLinksRequest(group_id=self.group_id, page_token=forged)
        return await self.owner.do(self.world.ways_in.ListInviteLinks, request)

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

    async def transfer(self, user: User, to: User, version: int = 0) -> object:
        """Hand the group on."""
        request = TransferGroupRequest(group_id=self.group_id, new_owner_id=to.id, expected_version=version)
        return await user.do(self.world.groups.TransferGroup, request)

    async def two_transfers(self) -> None:
        """Hand the group on twice at once; raises what the loser is told."""
        outcomes = await asyncio.gather(
            self.transfer(self.owner, self.admin, 1),
            self.transfer(self.owner, self.member, 1),
            return_exceptions=True,
        )
        [lost] = [outcome for outcome in outcomes if isinstance(outcome, MeshError)]
        raise lost

    async def through_link(self, *users: User, max_uses: int = 0, ttl_seconds: int = 0, later: float = 0) -> None:
        """Join with a link, one user after the other, some time after it was made."""
        wish = CreateInviteLinkRequest(
            request_id="l", group_id=self.group_id, max_uses=max_uses, ttl_seconds=ttl_seconds
        )
        link = (await self.owner.do(self.world.ways_in.CreateInviteLink, wish)).invitation
        self.world.clock.advance(later)
        for user in users:
            await self.join(user, token=link.token)

    async def guess(self, count: int) -> None:
        """Try out tokens."""
        for number in range(count):
            try:
                await self.join(self.stranger, token=f"guess-{number}")
            except MeshError as error:
                if error.reason != "INVITATION_INVALID":
                    raise

    async def ban(self, user: User, user_id: str) -> object:
        """Ban."""
        request = BanMemberRequest(group_id=self.group_id, user_id=user_id)
        return await user.do(self.world.members.BanMember, request)

    async def leave_twice(self) -> object:
        """Leave, and leave again."""
        await self.leave(self.member)
        return await self.leave(self.member)

    async def join_twice(self) -> None:
        """Join where one is a member already."""
        for _ in range(2):
            await self.join(self.member, group_id=self.group_id)

    async def create_with(self, *user_ids: str) -> group_service_pb2.CreateGroupResponse:
        """Create a group."""
        settings = group_pb2.GroupSettings(name="other")
        request = CreateGroupRequest(request_id="2", settings=settings, member_ids=user_ids)
        return await self.owner.do(self.world.groups.CreateGroup, request)

    async def probe(self) -> float:
        """What it costs the service to show the group to its owner, CPU seconds: the cheapest of some tries."""
        cheapest = 60.0
        for _ in range(PROBES):
            started = time.process_time()
            await self.owner.do(self.world.groups.GetGroup, GetGroupRequest(group_id=self.group_id))
            cheapest = min(cheapest, time.process_time() - started)
        return cheapest


async def scene(world: World) -> Scene:
    """Make the group."""
    owner, admin, member, stranger = (world.user(CANARY) for _ in range(4))
    group_id = await owner.makes(admin, member, name=CANARY)
    made = Scene(world, group_id, owner, admin, member, stranger)
    await made.role(owner, admin.id, 2)
    return made
