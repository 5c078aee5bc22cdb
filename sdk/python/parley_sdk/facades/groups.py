from __future__ import annotations

from collections.abc import Iterable, Sequence

from google.protobuf.field_mask_pb2 import FieldMask

from parley.group.v1 import (
    group_pb2,
    group_service_pb2,
    group_service_pb2_grpc,
    member_pb2,
    member_service_pb2,
    member_service_pb2_grpc,
)
from parley_sdk.facades.paging import PAGE, gather
from parley_sdk.facades.ways_in import WaysIn, pieces
from parley_sdk.ids import new_request_id
from parley_sdk.infrastructure.calls import Calls


class Groups(WaysIn):
    """Groups, their members and the ways in. A group's id is also the id of its conversation."""

    def __init__(self, calls: Calls) -> None:
        super().__init__(calls)

    async def create(
        self, name: str, member_ids: Iterable[str], settings: group_pb2.GroupSettings | None = None
    ) -> group_service_pb2.CreateGroupResponse:
        """Make a group; the answer says who could not be added and who was asked first.

        Any number of members: those beyond the first thousand are invited after it was made. `group` is as it was then.
        """
        wanted = group_pb2.GroupSettings()
        if settings is not None:
            wanted.CopyFrom(settings)
        wanted.name = name
        first, *rest = pieces(member_ids) or [[]]
        request = group_service_pb2.CreateGroupRequest(request_id=new_request_id(), settings=wanted, member_ids=first)
        made = await self._calls.unary(self._groups().CreateGroup, request)
        for some in rest:
            invited = await self.invite(made.group.group_id, some)
            made.skipped.extend(invited.skipped)
            made.asked_user_ids.extend(one.user_id for one in invited.pending)
        return made

    async def get(self, group_id: str) -> group_pb2.Group:
        """Return a group. Reasons: GROUP_NOT_FOUND."""
        request = group_service_pb2.GetGroupRequest(group_id=group_id)
        return (await self._calls.unary(self._groups().GetGroup, request)).group

    async def mine(self, *, limit: int = 10_000) -> list[group_pb2.Group]:
        """Return the groups that the caller is a member of."""

        async def page(token: str) -> tuple[Sequence[group_pb2.Group], str]:
            request = group_service_pb2.ListMyGroupsRequest(page_size=min(limit, PAGE), page_token=token)
            response = await self._calls.unary(self._groups().ListMyGroups, request)
            return response.groups, response.next_page_token

        return await gather(page, limit)

    async def update(self, group_id: str, settings: group_pb2.GroupSettings, fields: Iterable[str]) -> group_pb2.Group:
        """Change the named fields. Reasons: GROUP_NOT_FOUND, ROLE_REQUIRED, VERSION_CONFLICT."""
        request = group_service_pb2.UpdateGroupRequest(
            group_id=group_id, settings=settings, update_mask=FieldMask(paths=fields)
        )
        return (await self._calls.unary(self._groups().UpdateGroup, request)).group

    async def rename(self, group_id: str, name: str) -> group_pb2.Group:
        """Give a group another name. Reasons: as `update`."""
        return await self.update(group_id, group_pb2.GroupSettings(name=name), ["name"])

    async def announce(self, group_id: str, text: str, *, required_reading: bool = False) -> group_pb2.Announcement:
        """Replace the announcement; an empty text takes it away. Reasons: ROLE_REQUIRED."""
        request = group_service_pb2.SetAnnouncementRequest(
            request_id=new_request_id(), group_id=group_id, text=text, required_reading=required_reading
        )
        return (await self._calls.unary(self._groups().SetAnnouncement, request)).announcement

    async def acknowledge(self, group_id: str, number: int) -> None:
        """Confirm that one has read an announcement."""
        request = group_service_pb2.AcknowledgeAnnouncementRequest(group_id=group_id, number=number)
        await self._calls.unary(self._groups().AcknowledgeAnnouncement, request)

    async def transfer(self, group_id: str, new_owner_id: str) -> group_pb2.Group:
        """Hand the group to another member. Reasons: ROLE_REQUIRED, MEMBER_NOT_FOUND, VERSION_CONFLICT."""
        request = group_service_pb2.TransferGroupRequest(group_id=group_id, new_owner_id=new_owner_id)
        return (await self._calls.unary(self._groups().TransferGroup, request)).group

    async def dissolve(self, group_id: str) -> None:
        """End a group for everyone. Reasons: ROLE_REQUIRED."""
        request = group_service_pb2.DissolveGroupRequest(group_id=group_id)
        await self._calls.unary(self._groups().DissolveGroup, request)

    async def members(
        self,
        group_id: str,
        *,
        limit: int = 10_000,
        query: str = "",
        role: group_pb2.Role.ValueType = group_pb2.ROLE_UNSPECIFIED,
        confirmed: bool | None = None,
    ) -> list[member_pb2.Member]:
        """Return the members: owner, admins, then by the time they joined.

        `query` is a part of a name, 2 characters or more. `confirmed`: only who has confirmed the announcement in
        force, or has not; for admins. Reasons: MEMBERS_HIDDEN, ROLE_REQUIRED.
        """

        async def page(token: str) -> tuple[Sequence[member_pb2.Member], str]:
            request = member_service_pb2.ListMembersRequest(
                group_id=group_id,
                role=role,
                query=query,
                acknowledged=confirmed is True,
                not_acknowledged=confirmed is False,
                page_size=min(limit, PAGE),
                page_token=token,
            )
            response = await self._calls.unary(self._members().ListMembers, request)
            return response.members, response.next_page_token

        return await gather(page, limit)

    async def leave(self, group_id: str) -> None:
        """Leave a group. Reasons: NOT_MEMBER, OWNER_CANNOT_LEAVE."""
        await self._calls.unary(self._members().LeaveGroup, member_service_pb2.LeaveGroupRequest(group_id=group_id))

    async def kick(self, group_id: str, user_ids: Iterable[str]) -> member_service_pb2.KickMembersResponse:
        """Remove members. Reasons: ROLE_REQUIRED, ROLE_TOO_HIGH, KICK_SELF."""
        request = member_service_pb2.KickMembersRequest(group_id=group_id, user_ids=user_ids)
        return await self._calls.unary(self._members().KickMembers, request)

    async def set_role(self, group_id: str, user_id: str, role: group_pb2.Role.ValueType) -> member_pb2.Member:
        """Appoint or remove an admin. Reasons: ROLE_REQUIRED, MEMBER_NOT_FOUND."""
        request = member_service_pb2.SetMemberRoleRequest(group_id=group_id, user_id=user_id, role=role)
        return (await self._calls.unary(self._members().SetMemberRole, request)).member

    async def mute(self, group_id: str, user_id: str, seconds: int) -> None:
        """Stop a member from writing for a time; 0 lets them write again. Reasons: ROLE_REQUIRED, ROLE_TOO_HIGH."""
        request = member_service_pb2.MuteMemberRequest(group_id=group_id, user_id=user_id, duration_seconds=seconds)
        await self._calls.unary(self._members().MuteMember, request)

    async def ban(self, group_id: str, user_id: str, *, seconds: int = 0, reason: str = "") -> None:
        """Remove a user and keep them out; for good when `seconds` is 0. Reasons: ROLE_REQUIRED, ROLE_TOO_HIGH."""
        request = member_service_pb2.BanMemberRequest(
            group_id=group_id, user_id=user_id, duration_seconds=seconds, reason=reason
        )
        await self._calls.unary(self._members().BanMember, request)

    async def unban(self, group_id: str, user_id: str) -> None:
        """Let a banned user join again. Reasons: ROLE_REQUIRED."""
        request = member_service_pb2.UnbanMemberRequest(group_id=group_id, user_id=user_id)
        await self._calls.unary(self._members().UnbanMember, request)

    async def bans(self, group_id: str, *, limit: int = 10_000) -> list[member_pb2.Ban]:
        """Return the bans that hold, newest first. Reasons: ROLE_REQUIRED."""

        async def page(token: str) -> tuple[Sequence[member_pb2.Ban], str]:
            request = member_service_pb2.ListBansRequest(
                group_id=group_id, page_size=min(limit, PAGE), page_token=token
            )
            response = await self._calls.unary(self._members().ListBans, request)
            return response.bans, response.next_page_token

        return await gather(page, limit)

    async def set_nickname(self, group_id: str, nickname: str) -> None:
        """Choose one's own name in a group. Reasons: NOT_MEMBER."""
        request = member_service_pb2.UpdateMembershipRequest(
            group_id=group_id, nickname=nickname, update_mask=FieldMask(paths=["nickname"])
        )
        await self._calls.unary(self._members().UpdateMembership, request)

    async def set_remark(self, group_id: str, remark: str) -> None:
        """Choose one's own name for a group, which nobody else sees. Reasons: NOT_MEMBER."""
        request = member_service_pb2.UpdateMembershipRequest(
            group_id=group_id, remark=remark, update_mask=FieldMask(paths=["remark"])
        )
        await self._calls.unary(self._members().UpdateMembership, request)

    def _groups(self) -> group_service_pb2_grpc.GroupServiceStub:
        return self._calls.stub(group_service_pb2_grpc.GroupServiceStub)

    def _members(self) -> member_service_pb2_grpc.MemberServiceStub:
        return self._calls.stub(member_service_pb2_grpc.MemberServiceStub)
