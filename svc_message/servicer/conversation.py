"""ConversationService: the caller's conversations."""

from collections.abc import Iterator
from typing import Final

from mesh import wire
from mesh.caller import Caller
from mesh.stream import Stream
from parley.conversation.v1.conversation_service_pb2 import (
    DeleteConversationRequest,
    DeleteConversationResponse,
    ExportConversationRequest,
    ExportConversationResponse,
    GetConversationRequest,
    GetConversationResponse,
    GetQuietHoursRequest,
    GetQuietHoursResponse,
    ListConversationsRequest,
    ListConversationsResponse,
    ListPinsRequest,
    ListPinsResponse,
    MarkReadRequest,
    MarkReadResponse,
    SetQuietHoursRequest,
    SetQuietHoursResponse,
    SetRetentionRequest,
    SetRetentionResponse,
    SyncRequest,
    SyncResponse,
    UpdateSettingsRequest,
    UpdateSettingsResponse,
)
from svc_message.application.own.change import OwnStates
from svc_message.application.own.export import Exports
from svc_message.application.reading.history import page_size
from svc_message.application.reading.posts import Posts
from svc_message.application.sync.catch_up import Sync, within
from svc_message.application.sync.receipts import Receipts
from svc_message.application.sync.summaries import Page, Summaries
from svc_message.application.timing.retain import Retention
from svc_message.domain.conversation import ConversationId, Seq, UserId
from svc_message.domain.entry import Stored
from svc_message.domain.own import shown_settings
from svc_message.domain.ports import Mark
from svc_message.servicer import tokens, views

PIECE: Final = 64 * 1024
"""Bytes of entries that are written at a time: a slow line takes them in less time than a reader may take nothing."""


class ConversationServicer:
    """RPCs of ConversationService."""

    def __init__(
        self,
        summaries: Summaries,
        sync: Sync,
        receipts: Receipts,
        posts: Posts,
        owns: OwnStates,
        retention: Retention,
        exports: Exports,
    ) -> None:
        self._posts = posts
        self._summaries = summaries
        self._retention = retention
        self._exports = exports
        self._sync = sync
        self._receipts = receipts
        self._owns = owns

    async def list_conversations(self, request: ListConversationsRequest, caller: Caller) -> ListConversationsResponse:
        """List conversations, pinned ones first, then the newest."""
        after = tokens.key(request, caller, bool, int, str)
        wanted = Page(request.archived, after, page_size(request.page_size))
        page, following = await self._summaries.page(UserId(caller.user_id), wanted)
        return ListConversationsResponse(
            conversations=[views.conversation(summary) for summary in page],
            next_page_token=tokens.encode(request, caller, following),
        )

    async def get_conversation(self, request: GetConversationRequest, caller: Caller) -> GetConversationResponse:
        """Read one conversation."""
        summary = await self._summaries.one(UserId(caller.user_id), ConversationId(request.conversation_id))
        return GetConversationResponse(conversation=views.conversation(summary))

    async def sync(self, request: SyncRequest, caller: Caller) -> wire.Encoded[SyncResponse]:
        """Read what a device missed."""
        page = await self._sync.page(UserId(caller.user_id), views.positions(request.positions), request.limit)
        rest = SyncResponse(remaining=views.remaining(page.remaining), states=views.states(page.states))
        return wire.Encoded(wire.repeated(SyncResponse.ENTRIES_FIELD_NUMBER, page.entries) + rest.SerializeToString())

    async def mark_read(self, request: MarkReadRequest, caller: Caller) -> MarkReadResponse:
        """Raise the read position."""
        mark = Mark(ConversationId(request.conversation_id), UserId(caller.user_id), Seq(request.seq))
        now = await self._receipts.mark(mark, caller.device_id)
        return MarkReadResponse(read_seq=now.read_seq)

    async def update_settings(self, request: UpdateSettingsRequest, caller: Caller) -> UpdateSettingsResponse:
        """Change own settings."""
        own, read_seq = await self._owns.configure(
            UserId(caller.user_id),
            ConversationId(request.conversation_id),
            views.settings_wanted(request.settings),
            frozenset(request.update_mask.paths),
        )
        shown = shown_settings(own, read_seq, archived=own.archived_at >= 0)
        return UpdateSettingsResponse(settings=views.settings(shown))

    async def list_pins(self, request: ListPinsRequest, caller: Caller) -> wire.Encoded[ListPinsResponse]:
        """List pinned posts, the one pinned last first."""
        before, size = tokens.number(request, caller), page_size(request.page_size)
        conversation_id = ConversationId(request.conversation_id)
        page = await self._posts.pins(UserId(caller.user_id), conversation_id, before, size)
        rest = ListPinsResponse(next_page_token=tokens.encode(request, caller, page.next))
        return wire.Encoded(
            wire.repeated(ListPinsResponse.ENTRIES_FIELD_NUMBER, [one.entry for one in page.entries])
            + wire.repeated(ListPinsResponse.AMENDMENTS_FIELD_NUMBER, [one.entry for one in page.amendments])
            + rest.SerializeToString()
        )

    async def delete_conversation(
        self, request: DeleteConversationRequest, caller: Caller
    ) -> DeleteConversationResponse:
        """Take a conversation off the list."""
        await self._owns.clear(UserId(caller.user_id), ConversationId(request.conversation_id))
        return DeleteConversationResponse()

    async def set_retention(self, request: SetRetentionRequest, caller: Caller) -> SetRetentionResponse:
        """Say how long entries are kept."""
        await self._retention.set(UserId(caller.user_id), ConversationId(request.conversation_id), request.days)
        return SetRetentionResponse()

    async def export_conversation(self, request: ExportConversationRequest, stream: Stream, caller: Caller) -> None:
        """Write all that the caller sees."""
        user_id, conversation_id = UserId(caller.user_id), ConversationId(request.conversation_id)
        async with self._exports.seats.take(user_id) as seat:
            async for page in self._exports.pages(user_id, conversation_id, request.from_seq):
                for piece in _pieces(page):
                    with seat.waiting():
                        await stream.write_bytes(piece)

    async def get_quiet_hours(self, request: GetQuietHoursRequest, caller: Caller) -> GetQuietHoursResponse:
        """Read the quiet hours."""
        hours = await self._owns.quiet_hours(UserId(caller.user_id))
        return GetQuietHoursResponse(quiet_hours=views.quiet_hours(hours))

    async def set_quiet_hours(self, request: SetQuietHoursRequest, caller: Caller) -> SetQuietHoursResponse:
        """Replace the quiet hours."""
        wanted = views.quiet_hours_wanted(request.quiet_hours)
        hours = await self._owns.set_quiet_hours(UserId(caller.user_id), wanted)
        return SetQuietHoursResponse(quiet_hours=views.quiet_hours(hours))


def _pieces(page: list[Stored]) -> Iterator[bytes]:
    """The page as messages that are not much longer than PIECE."""
    while page:
        piece = within(page, PIECE)
        page = page[len(piece) :]
        yield wire.repeated(ExportConversationResponse.ENTRIES_FIELD_NUMBER, [stored.entry for stored in piece])
