"""LogService: the log for the other services of the mesh."""

import asyncio

from mesh import wire
from mesh.caller import Caller
from parley.log.v1.log_service_pb2 import (
    Append,
    AppendRequest,
    AppendResponse,
    CompareForRequest,
    CompareForResponse,
    ForgetUserRequest,
    ForgetUserResponse,
    HistoryForRequest,
    HistoryForResponse,
    MarkReadForRequest,
    MarkReadForResponse,
    PlaceForRequest,
    PlaceForResponse,
    ReadForRequest,
    ReadForResponse,
    ShowReplyRequest,
    ShowReplyResponse,
)
from parley.message.v1.notice_pb2 import MemberRole
from svc_message.application.own.forget import Forgetting
from svc_message.application.reading.history import Histories, Stretch
from svc_message.application.service_append import ServiceAppend
from svc_message.application.signals import Signals
from svc_message.application.sync.catch_up import Sync
from svc_message.application.sync.receipts import Receipts
from svc_message.domain.conversation import ConversationId, Seq, UserId
from svc_message.domain.entry import Draft
from svc_message.domain.ports import Mark
from svc_message.servicer import contents, views


class LogServicer:
    """RPCs of LogService."""

    def __init__(
        self,
        append: ServiceAppend,
        sync: Sync,
        signals: Signals,
        receipts: Receipts,
        forgetting: Forgetting,
        histories: Histories,
    ) -> None:
        self._append = append
        self._sync = sync
        self._signals = signals
        self._receipts = receipts
        self._forgetting = forgetting
        self._histories = histories

    async def append(self, request: AppendRequest, caller: Caller) -> AppendResponse:
        """Append what a service writes, in order; all of it is on its way before the first is waited for."""
        drafts = [_draft(one, caller.service) for one in request.appends]
        placed = await asyncio.gather(*await self._append.start(drafts))
        places = [AppendResponse.Place(seq=one.seq, duplicate=one.duplicate) for one in placed]
        return AppendResponse(places=places)

    async def read_for(self, request: ReadForRequest, caller: Caller) -> wire.Encoded[ReadForResponse]:
        """Read a user's view."""
        page = await self._sync.page(UserId(request.user_id), views.positions(request.positions), request.limit)
        rest = ReadForResponse(remaining=views.remaining(page.remaining))
        return wire.Encoded(
            wire.repeated(ReadForResponse.ENTRIES_FIELD_NUMBER, page.entries) + rest.SerializeToString()
        )

    async def compare_for(self, request: CompareForRequest, caller: Caller) -> CompareForResponse:
        """Compare positions with a user's view."""
        differing = await self._sync.compare(UserId(request.user_id), views.positions(request.positions))
        return CompareForResponse(states=views.states(differing))

    async def history_for(self, request: HistoryForRequest, caller: Caller) -> wire.Encoded[HistoryForResponse]:
        """Read a stretch as a user sees it."""
        bounds = (request.from_seq, request.to_seq, request.limit, request.descending)
        stretch = Stretch(ConversationId(request.conversation_id), *bounds)
        history = await self._histories.read(UserId(request.user_id), stretch)
        rest = HistoryForResponse(head_seq=history.head_seq, next_seq=history.next_seq)
        return wire.Encoded(
            wire.repeated(HistoryForResponse.ENTRIES_FIELD_NUMBER, [one.entry for one in history.entries])
            + wire.repeated(HistoryForResponse.AMENDMENTS_FIELD_NUMBER, [one.entry for one in history.amendments])
            + rest.SerializeToString()
        )

    async def place_for(self, request: PlaceForRequest, caller: Caller) -> PlaceForResponse:
        """Say what a user is in a conversation."""
        place = await self._histories.place(UserId(request.user_id), ConversationId(request.conversation_id))
        role = MemberRole.ValueType(place.role)
        silenced = await self._append.silenced(place.user_id, ConversationId(request.conversation_id))
        return PlaceForResponse(first_seq=place.first_seq, left_seq=place.left_seq, role=role, silenced=silenced)

    async def mark_read_for(self, request: MarkReadForRequest, caller: Caller) -> MarkReadForResponse:
        """Raise how far a user has read and received."""
        seq = Seq(request.seq)
        mark = Mark(ConversationId(request.conversation_id), UserId(request.user_id), seq, seq)
        await self._receipts.mark(mark, "")
        return MarkReadForResponse()

    async def forget_user(self, request: ForgetUserRequest, caller: Caller) -> ForgetUserResponse:
        """Remove what a deleted user had for themselves."""
        await self._forgetting.forget(UserId(request.user_id))
        return ForgetUserResponse()

    async def show_reply(self, request: ShowReplyRequest, caller: Caller) -> ShowReplyResponse:
        """Pass a piece of an assistant's answer on."""
        await self._signals.reply(request.event.conversation_id, request.event.SerializeToString())
        return ShowReplyResponse()


def _draft(one: Append, service: str) -> Draft:
    return contents.from_service(one.conversation_id, one.sender_id, service, one.client_message_id, one.content)
