"""MessageService: single messages and history."""

from typing import Final

from mesh import wire
from mesh.caller import Caller
from parley.message.v1.message_service_pb2 import (
    ListEntriesRequest,
    ListEntriesResponse,
    PostKind,
    ReactionCount,
    ReportMessageRequest,
    ReportMessageResponse,
    SendRequest,
    SendResponse,
)
from svc_message.application.administration.report import Reporting
from svc_message.application.own.change import OwnStates
from svc_message.application.reading.history import Histories, History, Stretch
from svc_message.application.send import Sender
from svc_message.application.send_rate import SendRates, too_fast
from svc_message.application.timing.schedule import Scheduler
from svc_message.domain.conversation import ConversationId, DeviceId, UserId
from svc_message.servicer import contents
from svc_message.servicer.posts import AboutPosts, PostRpcs
from svc_message.servicer.schedule import OwnMessages

TRAITS: Final = {number: name.removeprefix("POST_KIND_").lower() for name, number in PostKind.items()}
"""Kinds of posts by the names that bodies have in the contract, and `link`."""


class MessageServicer(PostRpcs, OwnMessages):
    """RPCs of MessageService."""

    def __init__(
        self,
        sender: Sender,
        histories: Histories,
        about: AboutPosts,
        owns: OwnStates,
        scheduler: Scheduler,
        reporting: Reporting,
        rates: SendRates,
    ) -> None:
        PostRpcs.__init__(self, about)
        OwnMessages.__init__(self, owns, scheduler)
        self._sender = sender
        self._histories = histories
        self._reporting = reporting
        self._rates = rates

    async def send(self, request: SendRequest, caller: Caller) -> SendResponse:
        """Append one message."""
        taken, wait = self._rates.take(caller.user_id, 1)
        if not taken:
            raise too_fast(wait)
        draft = contents.from_device(request.send, UserId(caller.user_id), DeviceId(caller.device_id))
        placed = await self._sender.send(draft)
        return SendResponse(
            seq=placed.seq, sent_at_ms=placed.sent_at_ms, duplicate=placed.duplicate, replaced=placed.replaced
        )

    async def list_entries(self, request: ListEntriesRequest, caller: Caller) -> wire.Encoded[ListEntriesResponse]:
        """Read a stretch of a log."""
        stretch = Stretch(
            ConversationId(request.conversation_id),
            request.from_seq,
            request.to_seq,
            request.limit,
            request.descending,
            request.from_ms,
            request.around_seq,
            request.sender_id,
            frozenset(TRAITS[kind] for kind in request.kinds),
        )
        history = await self._histories.read(UserId(caller.user_id), stretch)
        rest = ListEntriesResponse(
            more=history.next_seq > 0,
            head_seq=history.head_seq,
            reactions=_counts(history, UserId(caller.user_id)),
            next_seq=history.next_seq,
        )
        return wire.Encoded(
            wire.repeated(ListEntriesResponse.ENTRIES_FIELD_NUMBER, [one.entry for one in history.entries])
            + wire.repeated(ListEntriesResponse.AMENDMENTS_FIELD_NUMBER, [one.entry for one in history.amendments])
            + rest.SerializeToString()
        )

    async def report_message(self, request: ReportMessageRequest, caller: Caller) -> ReportMessageResponse:
        """Report a message to the moderators."""
        message = request.message
        report_id = await self._reporting.message(
            UserId(caller.user_id), message.conversation_id, message.seq, request.explanation
        )
        return ReportMessageResponse(report_id=report_id)


def _counts(history: History, user_id: UserId) -> list[ReactionCount]:
    return [
        ReactionCount(target_seq=seq, name=name, count=count, mine=reactions.has(user_id, name))
        for seq, reactions in sorted(history.reactions.items())
        for name, count in reactions.counts().items()
    ]
