"""`svc_ai.domain.reading.Histories`: the logs as single users see them, by the message service's LogService."""

from parley.log.v1 import log_service_pb2, log_service_pb2_grpc
from svc_ai.domain.place import Place, Role
from svc_ai.domain.reading import History, Stretch
from svc_ai.infrastructure.log import entry_of


class GrpcHistories:
    """Calls LogService."""

    def __init__(self, stub: log_service_pb2_grpc.LogServiceStub) -> None:
        self._stub = stub

    async def read(self, user_id: str, stretch: Stretch) -> History:
        """See the port."""
        request = log_service_pb2.HistoryForRequest(
            user_id=user_id,
            conversation_id=stretch.conversation_id,
            from_seq=stretch.from_seq,
            to_seq=stretch.to_seq,
            limit=stretch.limit,
            descending=stretch.descending,
        )
        found = await self._stub.HistoryFor(request)
        entries, amendments = tuple(map(entry_of, found.entries)), tuple(map(entry_of, found.amendments))
        return History(entries, amendments, found.head_seq, found.next_seq)

    async def place(self, user_id: str, conversation_id: str) -> Place:
        """See the port."""
        request = log_service_pb2.PlaceForRequest(user_id=user_id, conversation_id=conversation_id)
        found = await self._stub.PlaceFor(request)
        return Place(Role(found.role or Role.MEMBER), found.first_seq, found.left_seq, silenced=found.silenced)
