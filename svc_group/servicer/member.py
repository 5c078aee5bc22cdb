"""MemberService: members, their roles and limits."""

from typing import Final

from mesh.caller import Caller
from parley.group.v1 import member_service_pb2
from svc_group.application.ban import Banning
from svc_group.application.depart import Departing
from svc_group.application.govern import Governing
from svc_group.application.own import Owning
from svc_group.application.read import Reading
from svc_group.domain.group import GroupId, Role, UserId
from svc_group.domain.ports import MemberFilter
from svc_group.servicer import messages

MS: Final = 1_000


class MemberServicer:
    """Shows and changes who is in a group and what they may do."""

    def __init__(
        self, reading: Reading, departing: Departing, governing: Governing, owning: Owning, banning: Banning
    ) -> None:
        self._reading = reading
        self._banning = banning
        self._departing = departing
        self._governing = governing
        self._owning = owning

    async def list_members(
        self, request: member_service_pb2.ListMembersRequest, caller: Caller
    ) -> member_service_pb2.ListMembersResponse:
        """List members."""
        wanted = MemberFilter(Role(request.role) if request.role else None, request.query)
        members, token = await self._reading.members(
            UserId(caller.user_id),
            GroupId(request.group_id),
            wanted,
            acknowledged=_acknowledged(request),
            page=(request.page_size, request.page_token),
        )
        return member_service_pb2.ListMembersResponse(members=map(messages.member, members), next_page_token=token)

    async def get_member(
        self, request: member_service_pb2.GetMemberRequest, caller: Caller
    ) -> member_service_pb2.GetMemberResponse:
        """Show a member."""
        member = await self._reading.member(UserId(caller.user_id), GroupId(request.group_id), UserId(request.user_id))
        return member_service_pb2.GetMemberResponse(member=messages.member(member))

    async def leave_group(
        self, request: member_service_pb2.LeaveGroupRequest, caller: Caller
    ) -> member_service_pb2.LeaveGroupResponse:
        """Take the caller out."""
        await self._departing.leave(UserId(caller.user_id), GroupId(request.group_id))
        return member_service_pb2.LeaveGroupResponse()

    async def kick_members(
        self, request: member_service_pb2.KickMembersRequest, caller: Caller
    ) -> member_service_pb2.KickMembersResponse:
        """Remove members."""
        user_ids = [UserId(user_id) for user_id in request.user_ids]
        kicked = await self._departing.kick(UserId(caller.user_id), GroupId(request.group_id), user_ids)
        skipped = map(messages.skipped, kicked.skipped)
        return member_service_pb2.KickMembersResponse(kicked_user_ids=kicked.user_ids, skipped=skipped)

    async def set_member_role(
        self, request: member_service_pb2.SetMemberRoleRequest, caller: Caller
    ) -> member_service_pb2.SetMemberRoleResponse:
        """Appoint or remove an admin."""
        member = await self._governing.set_role(
            UserId(caller.user_id),
            GroupId(request.group_id),
            UserId(request.user_id),
            Role(request.role),
            request.expected_version,
        )
        return member_service_pb2.SetMemberRoleResponse(member=messages.member(member))

    async def mute_member(
        self, request: member_service_pb2.MuteMemberRequest, caller: Caller
    ) -> member_service_pb2.MuteMemberResponse:
        """Stop a member from writing, or let them again."""
        member = await self._governing.mute(
            UserId(caller.user_id),
            GroupId(request.group_id),
            UserId(request.user_id),
            request.duration_seconds * MS,
        )
        return member_service_pb2.MuteMemberResponse(member=messages.member(member))

    async def ban_member(
        self, request: member_service_pb2.BanMemberRequest, caller: Caller
    ) -> member_service_pb2.BanMemberResponse:
        """Keep a user out."""
        ban = await self._banning.ban(
            UserId(caller.user_id),
            GroupId(request.group_id),
            UserId(request.user_id),
            request.duration_seconds * MS,
            request.reason,
        )
        return member_service_pb2.BanMemberResponse(ban=messages.ban(ban))

    async def unban_member(
        self, request: member_service_pb2.UnbanMemberRequest, caller: Caller
    ) -> member_service_pb2.UnbanMemberResponse:
        """Lift a ban."""
        await self._banning.unban(UserId(caller.user_id), GroupId(request.group_id), UserId(request.user_id))
        return member_service_pb2.UnbanMemberResponse()

    async def list_bans(
        self, request: member_service_pb2.ListBansRequest, caller: Caller
    ) -> member_service_pb2.ListBansResponse:
        """List the bans that hold."""
        bans, token = await self._banning.page(
            UserId(caller.user_id), GroupId(request.group_id), request.page_size, request.page_token
        )
        return member_service_pb2.ListBansResponse(bans=map(messages.ban, bans), next_page_token=token)

    async def update_membership(
        self, request: member_service_pb2.UpdateMembershipRequest, caller: Caller
    ) -> member_service_pb2.UpdateMembershipResponse:
        """Change the caller's own names."""
        paths = request.update_mask.paths
        member = await self._owning.update(
            UserId(caller.user_id),
            GroupId(request.group_id),
            nickname=request.nickname if "nickname" in paths else None,
            remark=request.remark if "remark" in paths else None,
        )
        return member_service_pb2.UpdateMembershipResponse(own=messages.own(member))


def _acknowledged(request: member_service_pb2.ListMembersRequest) -> bool | None:
    return True if request.acknowledged else False if request.not_acknowledged else None
