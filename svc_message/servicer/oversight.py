"""MessageAdminService: messages in the hands of administrators."""

from mesh.caller import Caller
from parley.admin.v1 import message_admin_service_pb2 as pb
from parley.message.v1.entry_pb2 import Entry
from svc_message.application.history import Stretch
from svc_message.application.oversee import Overseer
from svc_message.domain.conversation import ConversationId


class MessageAdminServicer:
    """RPCs of MessageAdminService."""

    def __init__(self, overseer: Overseer) -> None:
        self._overseer = overseer

    async def read_conversation(
        self, request: pb.ReadConversationRequest, caller: Caller
    ) -> pb.ReadConversationResponse:
        """Read a stretch of a log."""
        stretch = Stretch(
            ConversationId(request.conversation_id),
            request.from_seq,
            request.to_seq,
            request.limit,
            request.descending,
        )
        piece = await self._overseer.read(stretch)
        entries = [Entry.FromString(one.entry) for one in piece.entries]
        return pb.ReadConversationResponse(entries=entries, more=piece.more, head_seq=piece.head_seq)

    async def recall_any_message(
        self, request: pb.RecallAnyMessageRequest, caller: Caller
    ) -> pb.RecallAnyMessageResponse:
        """Take a message back."""
        recalled = await self._overseer.recall(ConversationId(request.conversation_id), request.seq)
        return pb.RecallAnyMessageResponse(recall_seq=recalled)
