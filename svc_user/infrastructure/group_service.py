"""The group service as a neighbour: it takes erased users out of their groups."""

from parley.group.v1.group_service_pb2 import ForgetUserRequest
from parley.group.v1.group_service_pb2_grpc import GroupServiceStub
from svc_user.domain.account import UserId


class GroupsOfUsers:
    """`svc_user.domain.oversight.Elsewhere` for groups."""

    def __init__(self, groups: GroupServiceStub) -> None:
        self._groups = groups

    async def forget(self, user_id: UserId) -> None:
        """See the port."""
        await self._groups.ForgetUser(ForgetUserRequest(user_id=user_id))
