"""MessageService: what became of single posts, and search."""

from dataclasses import dataclass

from mesh import wire
from mesh.caller import Caller
from parley.message.v1.body_pb2 import MessageRef
from parley.message.v1.message_service_pb2 import (
    ExplainDeliveryRequest,
    ExplainDeliveryResponse,
    ListEditsRequest,
    ListEditsResponse,
    ListReactionsRequest,
    ListReactionsResponse,
    ListReadersRequest,
    ListReadersResponse,
    SearchMessagesRequest,
    SearchMessagesResponse,
)
from svc_message.application.reading.explain import Explain, Reached
from svc_message.application.reading.history import page_size
from svc_message.application.reading.posts import PostRef, Posts
from svc_message.application.reading.readers import Readers
from svc_message.application.reading.search import Search, Wanted
from svc_message.domain.conversation import ConversationId, Seq, UserId
from svc_message.domain.entry import Stored
from svc_message.servicer import tokens


@dataclass(frozen=True, slots=True)
class AboutPosts:
    """The use cases that answer questions about posts."""

    posts: Posts
    readers: Readers
    search: Search
    explain: Explain


class PostRpcs:
    """The RPCs of MessageService that are about single posts."""

    def __init__(self, about: AboutPosts) -> None:
        self._about = about

    async def list_edits(self, request: ListEditsRequest, caller: Caller) -> wire.Encoded[ListEditsResponse]:
        """The bodies that a post had."""
        after, size = tokens.number(request, caller), page_size(request.page_size)
        page = await self._about.posts.edits(_ref(request.message, caller), after, size)
        rest = ListEditsResponse(next_page_token=tokens.encode(request, caller, page.next))
        return wire.Encoded(_entries(ListEditsResponse.ENTRIES_FIELD_NUMBER, page.entries) + rest.SerializeToString())

    async def list_reactions(self, request: ListReactionsRequest, caller: Caller) -> ListReactionsResponse:
        """Who reacted, and how."""
        before, size = tokens.number(request, caller), page_size(request.page_size)
        found, following = await self._about.posts.reactions(_ref(request.message, caller), before, size)
        return ListReactionsResponse(
            items=[
                ListReactionsResponse.Item(user_id=one.user_id, name=one.name, reacted_at_ms=one.at_ms) for one in found
            ],
            next_page_token=tokens.encode(request, caller, following),
        )

    async def list_readers(self, request: ListReadersRequest, caller: Caller) -> ListReadersResponse:
        """Who has read a post, or has not."""
        after, size = tokens.word(request, caller), page_size(request.page_size)
        page = await self._about.readers.page(_ref(request.message, caller), after, size, unread=request.unread)
        return ListReadersResponse(
            user_ids=page.user_ids,
            read_count=page.read,
            unread_count=page.unread,
            sampled=page.sampled,
            counts_only=page.counts_only,
            next_page_token=tokens.encode(request, caller, page.next),
        )

    async def explain_delivery(self, request: ExplainDeliveryRequest, caller: Caller) -> ExplainDeliveryResponse:
        """How far a message came, device by device."""
        after, size = tokens.word(request, caller), page_size(request.page_size)
        page = await self._about.explain.page(_ref(request.message, caller), after, size)
        return ExplainDeliveryResponse(
            committed_at_ms=page.committed_at_ms,
            devices=[_device(one, caller) for one in page.reached],
            received_count=page.received,
            counts_only=page.counts_only,
            next_page_token=tokens.encode(request, caller, page.next),
        )

    async def search_messages(
        self, request: SearchMessagesRequest, caller: Caller
    ) -> wire.Encoded[SearchMessagesResponse]:
        """Find posts by their text."""
        behind, size = tokens.word(request, caller), page_size(request.page_size)
        bounds = (request.conversation_id, request.sender_id, request.after_ms, request.before_ms)
        page = await self._about.search.page(Wanted(UserId(caller.user_id), request.query, *bounds), behind, size)
        edits = sorted((one.edit for one in page.found if one.edit), key=lambda edit: edit.sent_at_ms)
        rest = SearchMessagesResponse(next_page_token=tokens.encode(request, caller, page.next))
        return wire.Encoded(
            _entries(SearchMessagesResponse.ENTRIES_FIELD_NUMBER, [one.post for one in page.found])
            + _entries(SearchMessagesResponse.AMENDMENTS_FIELD_NUMBER, edits)
            + rest.SerializeToString()
        )


def _device(one: Reached, caller: Caller) -> ExplainDeliveryResponse.Device:
    """A device, by its id for its owner alone."""
    return ExplainDeliveryResponse.Device(
        user_id=one.user_id,
        device_name=one.device_id if one.user_id == caller.user_id else "",
        connected=one.connected_at_ms > 0,
        connected_at_ms=one.connected_at_ms,
        received=one.received,
        read=one.read,
    )


def _ref(message: MessageRef, caller: Caller) -> PostRef:
    return PostRef(UserId(caller.user_id), ConversationId(message.conversation_id), Seq(message.seq))


def _entries(field: int, entries: list[Stored]) -> bytes:
    return wire.repeated(field, [one.entry for one in entries])
