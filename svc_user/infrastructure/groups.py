"""The group service as a neighbour: `svc_user.domain.oversight.Elsewhere`."""

from parley.group.v1.group_service_pb2 import ForgetUserRequest
from parley.group.v1.group_service_pb2_grpc import GroupServiceStub
from svc_user.domain.account import UserId


class GroupMemberships:
    """Asks GroupService to let go of a user."""

    def __init__(self, groups: GroupServiceStub) -> None:
        self._groups = groups

    async def forget(self, user_id: UserId) -> None:
        """See the port."""
        await self._groups.ForgetUser(ForgetUserRequest(user_id=user_id))
