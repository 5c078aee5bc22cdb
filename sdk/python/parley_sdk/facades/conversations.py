from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final

from google.protobuf.field_mask_pb2 import FieldMask

from parley.conversation.v1 import conversation_pb2, conversation_service_pb2, conversation_service_pb2_grpc
from parley.message.v1 import entry_pb2
from parley_sdk.errors import ParleyError
from parley_sdk.facades.paging import PAGE, gather
from parley_sdk.infrastructure.calls import Calls
from parley_sdk.posts import Shown, present

_TRIES: Final = 30
_MAX_PAUSE_SECONDS: Final = 2.0


class Conversations:
    """Conversations as the caller sees them."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def list(self, *, archived: bool = False, limit: int = PAGE) -> list[conversation_pb2.Conversation]:
        """Return the conversations with unread counts, pinned ones first, then by the newest entry."""

        async def page(token: str) -> tuple[Sequence[conversation_pb2.Conversation], str]:
            request = conversation_service_pb2.ListConversationsRequest(
                archived=archived, page_size=min(limit, PAGE), page_token=token
            )
            response = await self._calls.unary(self._stub().ListConversations, request)
            return response.conversations, response.next_page_token

        return await gather(page, limit)

    async def get(self, conversation_id: str) -> conversation_pb2.Conversation:
        """Return one conversation. Reasons: CONVERSATION_NOT_FOUND."""
        request = conversation_service_pb2.GetConversationRequest(conversation_id=conversation_id)
        return (await self._calls.unary(self._stub().GetConversation, request)).conversation

    async def mark_read(self, conversation_id: str, seq: int) -> int:
        """Mark as read up to `seq` and return how far it is read. Client.mark_read is cheaper and works offline."""
        request = conversation_service_pb2.MarkReadRequest(conversation_id=conversation_id, seq=seq)
        return (await self._calls.unary(self._stub().MarkRead, request)).read_seq

    async def update_settings(
        self, conversation_id: str, settings: conversation_pb2.ConversationSettings, fields: Iterable[str]
    ) -> conversation_pb2.ConversationSettings:
        """Change the named own settings: pinned, muted_until_ms, archived, marked_unread, draft, remark."""
        request = conversation_service_pb2.UpdateSettingsRequest(
            conversation_id=conversation_id, settings=settings, update_mask=FieldMask(paths=fields)
        )
        return (await self._calls.unary(self._stub().UpdateSettings, request)).settings

    async def quiet_hours(self) -> conversation_pb2.QuietHours:
        """Return when the user does not want to be disturbed."""
        request = conversation_service_pb2.GetQuietHoursRequest()
        return (await self._calls.unary(self._stub().GetQuietHours, request)).quiet_hours

    async def set_quiet_hours(self, hours: conversation_pb2.QuietHours) -> conversation_pb2.QuietHours:
        """Replace them. Reasons: INVALID_REQUEST (no such time zone)."""
        request = conversation_service_pb2.SetQuietHoursRequest(quiet_hours=hours)
        return (await self._calls.unary(self._stub().SetQuietHours, request)).quiet_hours

    async def set_retention(self, conversation_id: str, days: int) -> None:
        """Let entries go after so many days, for all; 0: never. Reasons: NOT_ALLOWED."""
        request = conversation_service_pb2.SetRetentionRequest(conversation_id=conversation_id, days=days)
        await self._calls.unary(self._stub().SetRetention, request)

    async def export(self, conversation_id: str) -> AsyncIterator[entry_pb2.Entry]:
        """Give everything that the user sees of a conversation, oldest first.

        What ends early goes on where it was: a node that stops, other readers who need the place of one that takes its
        time, another export of the same user. Raises ParleyError when that does not help for a while.
        """
        first, tries = 0, 0
        while True:
            try:
                async for entry in self._entries_from(conversation_id, first):
                    first, tries = entry.seq + 1, 0
                    yield entry
            except ParleyError as error:
                tries += 1
                if not error.transient or tries > _TRIES:
                    raise
                await asyncio.sleep(error.retry_after or min(_MAX_PAUSE_SECONDS, 0.1 * 2**tries))
            else:
                return

    async def _entries_from(self, conversation_id: str, first: int) -> AsyncIterator[entry_pb2.Entry]:
        """A token that has ended is renewed by the first of the calls in here, which reads nothing else."""
        await self.get(conversation_id)
        request = conversation_service_pb2.ExportConversationRequest(conversation_id=conversation_id, from_seq=first)
        async for response in self._calls.stream(self._stub().ExportConversation, request):
            for entry in response.entries:
                yield entry

    async def delete(self, conversation_id: str) -> None:
        """Take a conversation off the caller's list and hide what it holds by now."""
        request = conversation_service_pb2.DeleteConversationRequest(conversation_id=conversation_id)
        await self._calls.unary(self._stub().DeleteConversation, request)

    async def pins(self, conversation_id: str, *, limit: int = PAGE) -> Sequence[Shown]:
        """Return the pinned posts, the one pinned last first."""

        async def page(token: str) -> tuple[Sequence[Shown], str]:
            request = conversation_service_pb2.ListPinsRequest(
                conversation_id=conversation_id, page_size=min(limit, PAGE), page_token=token
            )
            response = await self._calls.unary(self._stub().ListPins, request)
            return present(response.entries, response.amendments), response.next_page_token

        return await gather(page, limit)

    def _stub(self) -> conversation_service_pb2_grpc.ConversationServiceStub:
        return self._calls.stub(conversation_service_pb2_grpc.ConversationServiceStub)
