from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from parley.message.v1 import body_pb2, entry_pb2, message_service_pb2, message_service_pb2_grpc
from parley_sdk.errors import Code, ParleyError
from parley_sdk.facades.paging import PAGE, Listed, gather
from parley_sdk.infrastructure.calls import Calls
from parley_sdk.posts import Shown, present

MOST_EDITS: Final = 201
"""A post and the edits that it may have."""


class Messages:
    """History, and what became of single messages. To write, use Client: that keeps the order."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def history(
        self, conversation_id: str, *, before_seq: int = 0, limit: int = 50
    ) -> message_service_pb2.ListEntriesResponse:
        """Return the entries before `before_seq` (0: the newest), newest first, with what changed them since.

        At most 200; `more` says whether there are earlier ones. Reasons: CONVERSATION_NOT_FOUND.
        """
        return await self.stretch(conversation_id, to_seq=max(0, before_seq - 1), descending=True, limit=limit)

    async def stretch(
        self, conversation_id: str, *, from_seq: int = 0, to_seq: int = 0, descending: bool = False, limit: int = 50
    ) -> message_service_pb2.ListEntriesResponse:
        """Return a stretch of the log, both ends included; 0 is the first, or the newest. Reasons: RANGE_INVALID."""
        request = message_service_pb2.ListEntriesRequest(
            conversation_id=conversation_id, from_seq=from_seq, to_seq=to_seq, descending=descending, limit=limit
        )
        return await self._calls.unary(self._stub().ListEntries, request)

    async def around(
        self, conversation_id: str, seq: int, *, limit: int = 50
    ) -> message_service_pb2.ListEntriesResponse:
        """Return the entries around a place, oldest first."""
        request = message_service_pb2.ListEntriesRequest(conversation_id=conversation_id, around_seq=seq, limit=limit)
        return await self._calls.unary(self._stub().ListEntries, request)

    async def since(
        self, conversation_id: str, time_ms: int, *, limit: int = 50
    ) -> message_service_pb2.ListEntriesResponse:
        """Return the first entries at or after a time, Unix milliseconds, oldest first: jump to a date."""
        request = message_service_pb2.ListEntriesRequest(conversation_id=conversation_id, from_ms=time_ms, limit=limit)
        return await self._calls.unary(self._stub().ListEntries, request)

    async def posts(
        self,
        conversation_id: str,
        *,
        kinds: Iterable[message_service_pb2.PostKind.ValueType] = (),
        sender_id: str = "",
        before_seq: int = 0,
        limit: int = 50,
    ) -> list[Shown]:
        """Return the newest posts of these kinds and of this user, newest first; looks as far back as it takes.

        With kinds of pictures, files or links it is what was shared in a chat. `before_seq`: only what stands before
        that place, which is how the next page begins behind the last one of a page; 0: from the newest on.
        """
        wanted, before = list(kinds), max(0, before_seq - 1)
        if before_seq == 1:
            return []
        found = Listed[Shown]()
        while len(found) < limit:
            request = message_service_pb2.ListEntriesRequest(
                conversation_id=conversation_id,
                to_seq=before,
                descending=True,
                kinds=wanted,
                sender_id=sender_id,
                limit=min(limit - len(found), PAGE),
            )
            answer = await self._calls.unary(self._stub().ListEntries, request)
            found += present(answer.entries, answer.amendments, answer.reactions)
            before = answer.next_seq
            if not before:
                break
        found.more = bool(before)
        return found

    async def one(self, conversation_id: str, seq: int) -> Shown:
        """Return one entry as it is shown now. Reasons: CONVERSATION_NOT_FOUND, ENTRY_NOT_FOUND."""
        page = await self.stretch(conversation_id, from_seq=seq, to_seq=seq, limit=1)
        shown = present(page.entries, page.amendments, page.reactions)
        if not shown:
            raise ParleyError(Code.NOT_FOUND, "ENTRY_NOT_FOUND", "there is no message with this seq that you can see")
        return shown[0]

    async def search(
        self,
        query: str,
        *,
        conversation_id: str = "",
        sender_id: str = "",
        after_ms: int = 0,
        before_ms: int = 0,
        limit: int = 50,
    ) -> list[Shown]:
        """Return what was found, the newest text first. Reasons: QUERY_TOO_SHORT, CONVERSATION_NOT_FOUND."""

        async def page(token: str) -> tuple[Sequence[Shown], str]:
            request = message_service_pb2.SearchMessagesRequest(
                query=query,
                conversation_id=conversation_id,
                sender_id=sender_id,
                after_ms=after_ms,
                before_ms=before_ms,
                page_size=min(limit, PAGE),
                page_token=token,
            )
            response = await self._calls.unary(self._stub().SearchMessages, request)
            return present(response.entries, response.amendments), response.next_page_token

        return await gather(page, limit)

    async def edits(self, conversation_id: str, seq: int) -> list[entry_pb2.Entry]:
        """Return a post and its edits, oldest first. Reasons: ENTRY_NOT_FOUND."""

        async def page(token: str) -> tuple[Sequence[entry_pb2.Entry], str]:
            request = message_service_pb2.ListEditsRequest(
                message=_reference(conversation_id, seq), page_size=PAGE, page_token=token
            )
            response = await self._calls.unary(self._stub().ListEdits, request)
            return response.entries, response.next_page_token

        return await gather(page, MOST_EDITS)

    async def reactions(
        self, conversation_id: str, seq: int, *, limit: int = PAGE
    ) -> list[message_service_pb2.ListReactionsResponse.Item]:
        """Return who reacted to a post and how, newest first. Reasons: ENTRY_NOT_FOUND."""

        async def page(token: str) -> tuple[Sequence[message_service_pb2.ListReactionsResponse.Item], str]:
            request = message_service_pb2.ListReactionsRequest(
                message=_reference(conversation_id, seq), page_size=min(limit, PAGE), page_token=token
            )
            response = await self._calls.unary(self._stub().ListReactions, request)
            return response.items, response.next_page_token

        return await gather(page, limit)

    async def readers(
        self, conversation_id: str, seq: int, *, unread: bool = False, page_token: str = ""
    ) -> message_service_pb2.ListReadersResponse:
        """Return a page of who read an own post, or with `unread` of who did not yet, and the counts.

        With `counts_only` in the answer the group shows no receipts of single members, and nobody is listed.
        Reasons: ENTRY_NOT_FOUND, NOT_ALLOWED (it is another's post, or the caller hides their own read receipts).
        """
        request = message_service_pb2.ListReadersRequest(
            message=_reference(conversation_id, seq), unread=unread, page_size=PAGE, page_token=page_token
        )
        return await self._calls.unary(self._stub().ListReaders, request)

    async def hide(self, conversation_id: str, seqs: Iterable[int]) -> None:
        """Hide posts from the caller's own devices, at most 100."""
        request = message_service_pb2.HideMessagesRequest(conversation_id=conversation_id, seqs=seqs)
        await self._calls.unary(self._stub().HideMessages, request)

    async def schedule(self, send: message_service_pb2.Send, send_at_ms: int) -> message_service_pb2.ScheduledMessage:
        """Hand a post over for later. Client.schedule makes one. Reasons: TIME_INVALID, SCHEDULE_LIMIT_REACHED."""
        request = message_service_pb2.ScheduleMessageRequest(send=send, send_at_ms=send_at_ms)
        return (await self._calls.unary(self._stub().ScheduleMessage, request)).message

    async def scheduled(self, *, limit: int = PAGE) -> list[message_service_pb2.ScheduledMessage]:
        """Return what waits to be sent, the next one first."""

        async def page(token: str) -> tuple[Sequence[message_service_pb2.ScheduledMessage], str]:
            request = message_service_pb2.ListScheduledMessagesRequest(page_size=min(limit, PAGE), page_token=token)
            response = await self._calls.unary(self._stub().ListScheduledMessages, request)
            return response.messages, response.next_page_token

        return await gather(page, limit)

    async def cancel_scheduled(self, conversation_id: str, client_message_id: int) -> None:
        """Take a scheduled message back. Reasons: ENTRY_NOT_FOUND (it was sent, or is being sent)."""
        request = message_service_pb2.CancelScheduledMessageRequest(
            conversation_id=conversation_id, client_message_id=client_message_id
        )
        await self._calls.unary(self._stub().CancelScheduledMessage, request)

    async def explain(self, conversation_id: str, seq: int) -> message_service_pb2.ExplainDeliveryResponse:
        """Return how far an own message came, device by device. Reasons: ENTRY_NOT_FOUND, NOT_ALLOWED.

        With `counts_only` in the answer the group shows no receipts of single members: see `received_count`.
        """
        request = message_service_pb2.ExplainDeliveryRequest(message=_reference(conversation_id, seq), page_size=PAGE)
        return await self._calls.unary(self._stub().ExplainDelivery, request)

    async def report(self, conversation_id: str, seq: int, explanation: str) -> str:
        """Report a message to the moderators; return the id. Reasons: ENTRY_NOT_FOUND, REPORT_LIMIT_REACHED."""
        request = message_service_pb2.ReportMessageRequest(
            message=_reference(conversation_id, seq), explanation=explanation
        )
        return (await self._calls.unary(self._stub().ReportMessage, request)).report_id

    def _stub(self) -> message_service_pb2_grpc.MessageServiceStub:
        return self._calls.stub(message_service_pb2_grpc.MessageServiceStub)


def _reference(conversation_id: str, seq: int) -> body_pb2.MessageRef:
    return body_pb2.MessageRef(conversation_id=conversation_id, seq=seq)
