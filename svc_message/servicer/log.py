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
    ReadForRequest,
    ReadForResponse,
    ShowReplyRequest,
    ShowReplyResponse,
)
from svc_message.application.own.forget import Forgetting
from svc_message.application.service_append import ServiceAppend
from svc_message.application.signals import Signals
from svc_message.application.sync.catch_up import Sync
from svc_message.domain.conversation import UserId
from svc_message.domain.entry import Draft
from svc_message.servicer import contents, views


class LogServicer:
    """RPCs of LogService."""

    def __init__(self, append: ServiceAppend, sync: Sync, signals: Signals, forgetting: Forgetting) -> None:
        self._append = append
        self._sync = sync
        self._signals = signals
        self._forgetting = forgetting

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
