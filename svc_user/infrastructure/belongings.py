"""The message service as a neighbour: `svc_user.domain.deletion.Belongings`."""

from parley.log.v1.log_service_pb2 import ForgetUserRequest
from parley.log.v1.log_service_pb2_grpc import LogServiceStub
from svc_user.domain.account import UserId


class ConversationBelongings:
    """Asks LogService to forget a user."""

    def __init__(self, log: LogServiceStub) -> None:
        self._log = log

    async def forget(self, user_id: UserId) -> None:
        """See the port."""
        await self._log.ForgetUser(ForgetUserRequest(user_id=user_id))
