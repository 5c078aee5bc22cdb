from __future__ import annotations

from collections.abc import Iterable, Sequence

from parley.message.v1 import body_pb2, entry_pb2, message_service_pb2, message_service_pb2_grpc
from parley_sdk.facades.paging import PAGE, gather
from parley_sdk.infrastructure.calls import Calls


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

    async def search(
        self, query: str, *, conversation_id: str = "", sender_id: str = "", limit: int = 50
    ) -> list[entry_pb2.Entry]:
        """Return what was found, newest first. Reasons: QUERY_TOO_SHORT, CONVERSATION_NOT_FOUND."""

        async def page(token: str) -> tuple[Sequence[entry_pb2.Entry], str]:
            request = message_service_pb2.SearchMessagesRequest(
                query=query,
                conversation_id=conversation_id,
                sender_id=sender_id,
                page_size=min(limit, PAGE),
                page_token=token,
            )
            response = await self._calls.unary(self._stub().SearchMessages, request)
            return response.entries, response.next_page_token

        return await gather(page, limit)

    async def edits(self, conversation_id: str, seq: int) -> list[entry_pb2.Entry]:
        """Return a post and its edits, oldest first. Reasons: ENTRY_NOT_FOUND."""
        request = message_service_pb2.ListEditsRequest(message=_reference(conversation_id, seq))
        return list((await self._calls.unary(self._stub().ListEdits, request)).entries)

    async def readers(
        self, conversation_id: str, seq: int, *, unread: bool = False
    ) -> message_service_pb2.ListReadersResponse:
        """Return who read an own post, or with `unread` who did not yet. Reasons: ENTRY_NOT_FOUND, NOT_ALLOWED."""
        request = message_service_pb2.ListReadersRequest(
            message=_reference(conversation_id, seq), unread=unread, page_size=PAGE
        )
        return await self._calls.unary(self._stub().ListReaders, request)

    async def hide(self, conversation_id: str, seqs: Iterable[int]) -> None:
        """Hide posts from the caller's own devices, at most 100."""
        request = message_service_pb2.HideMessagesRequest(conversation_id=conversation_id, seqs=seqs)
        await self._calls.unary(self._stub().HideMessages, request)

    async def explain(self, conversation_id: str, seq: int) -> message_service_pb2.ExplainDeliveryResponse:
        """Return how far an own message came, device by device. Reasons: ENTRY_NOT_FOUND, NOT_ALLOWED."""
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
