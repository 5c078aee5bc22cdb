"""GroupService: groups and their settings."""

from mesh.caller import Caller
from parley.group.v1 import group_pb2, group_service_pb2
from svc_group.application.create import Creation
from svc_group.application.edit import Editing
from svc_group.application.forget import Forgetting
from svc_group.application.govern import Governing
from svc_group.application.limits import Limits
from svc_group.application.mine import Listing
from svc_group.application.read import Reading
from svc_group.domain.group import GroupId, UserId
from svc_group.domain.member import GroupView
from svc_group.servicer import messages


class GroupServicer:
    """Makes, shows, changes and ends groups."""

    def __init__(
        self,
        creation: Creation,
        reading: Reading,
        listing: Listing,
        editing: Editing,
        governing: Governing,
        forgetting: Forgetting,
        limits: Limits,
    ) -> None:
        self._creation = creation
        self._reading = reading
        self._listing = listing
        self._editing = editing
        self._governing = governing
        self._forgetting = forgetting
        self._limits = limits

    async def create_group(
        self, request: group_service_pb2.CreateGroupRequest, caller: Caller
    ) -> group_service_pb2.CreateGroupResponse:
        """Make a group."""
        created = await self._creation.create(
            UserId(caller.user_id),
            request.request_id,
            messages.settings(request.settings),
            [UserId(user_id) for user_id in request.member_ids],
        )
        return group_service_pb2.CreateGroupResponse(
            group=self._group(created.view),
            skipped=map(messages.skipped, created.skipped),
            asked_user_ids=created.asked,
        )

    async def get_group(
        self, request: group_service_pb2.GetGroupRequest, caller: Caller
    ) -> group_service_pb2.GetGroupResponse:
        """Show a group."""
        user_id = UserId(caller.user_id)
        if request.token:
            view = await self._reading.behind(user_id, request.token)
        else:
            view = await self._reading.group(user_id, GroupId(request.group_id))
        return group_service_pb2.GetGroupResponse(group=self._group(view))

    async def list_my_groups(
        self, request: group_service_pb2.ListMyGroupsRequest, caller: Caller
    ) -> group_service_pb2.ListMyGroupsResponse:
        """List the caller's groups."""
        page = await self._listing.page(
            UserId(caller.user_id), request.page_size, request.page_token, request.after_version
        )
        return group_service_pb2.ListMyGroupsResponse(
            groups=map(self._group, page.views),
            removed_group_ids=page.removed,
            version=page.version,
            reset=page.reset,
            next_page_token=page.next_page_token,
        )

    async def update_group(
        self, request: group_service_pb2.UpdateGroupRequest, caller: Caller
    ) -> group_service_pb2.UpdateGroupResponse:
        """Change settings."""
        view = await self._editing.update(
            UserId(caller.user_id),
            GroupId(request.group_id),
            lambda before: messages.edited(before, request.settings, request.update_mask.paths),
            request.expected_version,
        )
        return group_service_pb2.UpdateGroupResponse(group=self._group(view))

    async def set_announcement(
        self, request: group_service_pb2.SetAnnouncementRequest, caller: Caller
    ) -> group_service_pb2.SetAnnouncementResponse:
        """Replace the announcement."""
        announced = await self._editing.announce(
            UserId(caller.user_id),
            GroupId(request.group_id),
            request.request_id,
            request.text,
            required_reading=request.required_reading,
        )
        announcement = messages.announcement(announced) if announced else None
        return group_service_pb2.SetAnnouncementResponse(announcement=announcement)

    async def acknowledge_announcement(
        self, request: group_service_pb2.AcknowledgeAnnouncementRequest, caller: Caller
    ) -> group_service_pb2.AcknowledgeAnnouncementResponse:
        """Confirm an announcement."""
        await self._editing.acknowledge(UserId(caller.user_id), GroupId(request.group_id), request.number)
        return group_service_pb2.AcknowledgeAnnouncementResponse()

    async def transfer_group(
        self, request: group_service_pb2.TransferGroupRequest, caller: Caller
    ) -> group_service_pb2.TransferGroupResponse:
        """Hand a group on."""
        view = await self._governing.transfer(
            UserId(caller.user_id),
            GroupId(request.group_id),
            UserId(request.new_owner_id),
            request.expected_version,
        )
        return group_service_pb2.TransferGroupResponse(group=self._group(view))

    async def dissolve_group(
        self, request: group_service_pb2.DissolveGroupRequest, caller: Caller
    ) -> group_service_pb2.DissolveGroupResponse:
        """End a group."""
        await self._governing.dissolve(UserId(caller.user_id), GroupId(request.group_id))
        return group_service_pb2.DissolveGroupResponse()

    async def forget_user(
        self, request: group_service_pb2.ForgetUserRequest, caller: Caller
    ) -> group_service_pb2.ForgetUserResponse:
        """Take a deleted user out of all groups."""
        count = await self._forgetting.forget(UserId(request.user_id))
        return group_service_pb2.ForgetUserResponse(group_count=count)

    def _group(self, view: GroupView) -> group_pb2.Group:
        return messages.group(view, self._limits.members)
