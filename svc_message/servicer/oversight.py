"""MessageAdminService: messages in the hands of administrators."""

from datetime import UTC, datetime

from mesh.caller import Caller
from parley.admin.v1 import message_admin_service_pb2 as pb
from parley.message.v1.entry_pb2 import Entry
from svc_message.application.administration.broadcast import Announcing
from svc_message.application.administration.count import Counting
from svc_message.application.administration.oversee import Overseer
from svc_message.application.reading.history import Stretch
from svc_message.domain.administration.broadcast import Broadcast
from svc_message.domain.administration.statistics import DAY_MS, DayCount
from svc_message.domain.conversation import ConversationId


class MessageAdminServicer:
    """RPCs of MessageAdminService."""

    def __init__(self, overseer: Overseer, announcing: Announcing, counting: Counting) -> None:
        self._overseer = overseer
        self._announcing = announcing
        self._counting = counting

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

    async def get_statistics(self, request: pb.GetStatisticsRequest, caller: Caller) -> pb.GetStatisticsResponse:
        """Tell how much was written."""
        days, until_ms = await self._counting.latest(request.days)
        return pb.GetStatisticsResponse(days=[_day(one) for one in days], counted_until_ms=until_ms)

    async def start_broadcast(self, request: pb.StartBroadcastRequest, caller: Caller) -> pb.StartBroadcastResponse:
        """Begin a broadcast."""
        begun = await self._announcing.start(caller.user_id, request.request_id, request.text)
        return pb.StartBroadcastResponse(broadcast=_broadcast(begun))

    async def cancel_broadcast(self, request: pb.CancelBroadcastRequest, caller: Caller) -> pb.CancelBroadcastResponse:
        """End a broadcast."""
        ended = await self._announcing.cancel(request.broadcast_id)
        return pb.CancelBroadcastResponse(broadcast=_broadcast(ended))

    async def list_broadcasts(self, request: pb.ListBroadcastsRequest, caller: Caller) -> pb.ListBroadcastsResponse:
        """List the latest broadcasts."""
        found = [one for one in await self._announcing.latest() if request.state in (0, one.state)]
        return pb.ListBroadcastsResponse(broadcasts=[_broadcast(one) for one in found])


def _broadcast(broadcast: Broadcast) -> pb.Broadcast:
    return pb.Broadcast(
        broadcast_id=broadcast.broadcast_id,
        text=broadcast.text,
        admin_id=broadcast.admin_id,
        created_at_ms=broadcast.created_at_ms,
        state=pb.BroadcastState.ValueType(broadcast.state),
        written=broadcast.written,
    )


def _day(count: DayCount) -> pb.DayStatistics:
    return pb.DayStatistics(
        day=datetime.fromtimestamp(count.day * DAY_MS / 1_000, UTC).strftime("%Y-%m-%d"),
        posts=count.posts,
        entries=count.entries,
        active_users=count.active_users,
        new_conversations=count.new_conversations,
    )
