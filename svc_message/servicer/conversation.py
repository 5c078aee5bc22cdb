"""ConversationService: the caller's conversations."""

import base64
import json

from mesh import errors, wire
from mesh.caller import Caller
from parley.conversation.v1.conversation_service_pb2 import (
    GetConversationRequest,
    GetConversationResponse,
    ListConversationsRequest,
    ListConversationsResponse,
    ListPinsRequest,
    ListPinsResponse,
    MarkReadRequest,
    MarkReadResponse,
    SyncRequest,
    SyncResponse,
)
from svc_message.application.history import Histories, page_size
from svc_message.application.posts import Posts
from svc_message.application.receipts import Receipts
from svc_message.application.sync import Sync
from svc_message.domain.conversation import ConversationId, Seq, UserId
from svc_message.domain.ports import Mark
from svc_message.domain.reasons import Reason
from svc_message.servicer import tokens, views


class ConversationServicer:
    """RPCs of ConversationService."""

    def __init__(self, histories: Histories, sync: Sync, receipts: Receipts, posts: Posts) -> None:
        self._posts = posts
        self._histories = histories
        self._sync = sync
        self._receipts = receipts

    async def list_conversations(self, request: ListConversationsRequest, caller: Caller) -> ListConversationsResponse:
        """List conversations, the newest first."""
        after = _decode(request.page_token, caller.user_id)
        page, following = await self._histories.summaries(UserId(caller.user_id), after, page_size(request.page_size))
        return ListConversationsResponse(
            conversations=[views.conversation(summary) for summary in page],
            next_page_token=_encode(following, caller.user_id),
        )

    async def get_conversation(self, request: GetConversationRequest, caller: Caller) -> GetConversationResponse:
        """Read one conversation."""
        summary = await self._histories.one(UserId(caller.user_id), ConversationId(request.conversation_id))
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


def _encode(key: tuple[int, str] | None, user_id: str) -> str:
    """A page token: the sort key of the last item and whose list it is."""
    return base64.urlsafe_b64encode(json.dumps([*key, user_id]).encode()).decode() if key else ""


def _decode(token: str, user_id: str) -> tuple[int, str] | None:
    if not token:
        return None
    try:
        sent_at_ms, conversation_id, owner = json.loads(base64.urlsafe_b64decode(token))
    except (ValueError, TypeError) as error:
        raise _bad_token() from error
    if owner != user_id or not isinstance(sent_at_ms, int) or not isinstance(conversation_id, str):
        raise _bad_token()
    return sent_at_ms, conversation_id


def _bad_token() -> errors.MeshError:
    return errors.invalid(Reason.PAGE_TOKEN_INVALID, "use the next_page_token of the page before, unchanged")
