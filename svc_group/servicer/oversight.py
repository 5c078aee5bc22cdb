"""GroupAdminService: groups in the hands of administrators."""

from dataclasses import replace

from mesh.caller import Caller
from parley.admin.v1 import group_admin_service_pb2 as pb
from parley.group.v1 import group_pb2
from svc_group.application import paging
from svc_group.application.limits import Limits
from svc_group.application.oversee import Overseer
from svc_group.domain.group import Group, GroupId, UserId
from svc_group.domain.member import GroupView
from svc_group.domain.oversight import Wanted
from svc_group.servicer import messages


class GroupAdminServicer:
    """Finds, ends, hands on, limits and closes groups."""

    def __init__(self, overseer: Overseer, limits: Limits) -> None:
        self._overseer = overseer
        self._limits = limits

    async def find_groups(self, request: pb.FindGroupsRequest, caller: Caller) -> pb.FindGroupsResponse:
        """List groups."""
        query, size = ("admin groups", request.query, request.owner_id), paging.clamp(request.page_size)
        cursor = paging.cursor(request.page_token, (str,), *query)
        before = str(cursor[0]) if cursor else ""
        found = await self._overseer.find(Wanted(request.query, request.owner_id, before, size + 1))
        token = paging.token([found[size - 1].id], *query) if len(found) > size else ""
        return pb.FindGroupsResponse(groups=[self._group(one) for one in found[:size]], next_page_token=token)

    async def get_group(self, request: pb.GetGroupRequest, caller: Caller) -> pb.GetGroupResponse:
        """Show one group."""
        dossier = await self._overseer.dossier(GroupId(request.group_id))
        members = [messages.member(one) for one in dossier.members]
        return pb.GetGroupResponse(group=self._group(dossier.group), members=members)

    async def dissolve_group(self, request: pb.DissolveGroupRequest, caller: Caller) -> pb.DissolveGroupResponse:
        """End a group."""
        await self._overseer.dissolve(GroupId(request.group_id))
        return pb.DissolveGroupResponse()

    async def transfer_group(self, request: pb.TransferGroupRequest, caller: Caller) -> pb.TransferGroupResponse:
        """Give a group to another member."""
        group = await self._overseer.transfer(GroupId(request.group_id), UserId(request.new_owner_id))
        return pb.TransferGroupResponse(group=self._group(group))

    async def set_group_limits(self, request: pb.SetGroupLimitsRequest, caller: Caller) -> pb.SetGroupLimitsResponse:
        """Set limits of a group."""
        wanted = {path: getattr(request.limits, path) for path in request.update_mask.paths}
        group = await self._overseer.limit(
            GroupId(request.group_id), lambda limits: replace(limits, **wanted), request.expected_version
        )
        return pb.SetGroupLimitsResponse(group=self._group(group))

    async def suspend_group(self, request: pb.SuspendGroupRequest, caller: Caller) -> pb.SuspendGroupResponse:
        """Close a group for a time."""
        return pb.SuspendGroupResponse(group=self._group(await self._overseer.suspend(GroupId(request.group_id))))

    async def restore_group(self, request: pb.RestoreGroupRequest, caller: Caller) -> pb.RestoreGroupResponse:
        """Open a group again."""
        return pb.RestoreGroupResponse(group=self._group(await self._overseer.restore(GroupId(request.group_id))))

    def _group(self, group: Group) -> group_pb2.Group:
        return messages.group(GroupView(group), self._limits.members)
