from __future__ import annotations

from collections.abc import Iterable, Sequence

from google.protobuf.field_mask_pb2 import FieldMask

from parley.ai.v1 import ai_pb2, assistant_service_pb2, assistant_service_pb2_grpc
from parley_sdk.facades.paging import PAGE, gather
from parley_sdk.ids import new_request_id
from parley_sdk.infrastructure.calls import Calls


class Assistants:
    """Assistants, and what the model does on request. To ask one, write to its user."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def list(self) -> list[ai_pb2.Assistant]:
        """Return the assistants of the installation."""

        async def page(token: str) -> tuple[Sequence[ai_pb2.Assistant], str]:
            request = assistant_service_pb2.ListAssistantsRequest(page_size=PAGE, page_token=token)
            response = await self._calls.unary(self._stub().ListAssistants, request)
            return response.assistants, response.next_page_token

        return await gather(page, 1_000)

    async def cancel(self, reply_id: str) -> None:
        """Stop an answer; what was written is kept. Reasons: REPLY_NOT_FOUND, ROLE_REQUIRED."""
        request = assistant_service_pb2.CancelReplyRequest(reply_id=reply_id)
        await self._calls.unary(self._stub().CancelReply, request)

    async def cancel_all(self, conversation_id: str) -> Sequence[str]:
        """Stop all answers in a conversation that the caller may stop, and return their ids."""
        request = assistant_service_pb2.CancelReplyRequest(conversation_id=conversation_id)
        return (await self._calls.unary(self._stub().CancelReply, request)).cancelled_reply_ids

    async def regenerate(self, conversation_id: str, seq: int) -> str:
        """Have an entry answered anew and return the id of the answer. Reasons: REPLY_IN_PROGRESS."""
        request = assistant_service_pb2.RegenerateReplyRequest(
            request_id=new_request_id(), conversation_id=conversation_id, seq=seq
        )
        return (await self._calls.unary(self._stub().RegenerateReply, request)).reply_id

    async def summarise(
        self, conversation_id: str, from_seq: int, to_seq: int, *, locale: str = ""
    ) -> assistant_service_pb2.SummariseResponse:
        """Sum up a stretch of at most 2,000 entries. Reasons: RANGE_INVALID, MODEL_UNAVAILABLE, BUDGET_EXHAUSTED."""
        request = assistant_service_pb2.SummariseRequest(
            request_id=new_request_id(),
            conversation_id=conversation_id,
            from_seq=from_seq,
            to_seq=to_seq,
            locale=locale,
        )
        return await self._calls.unary(self._stub().Summarise, request)

    async def translate(self, text: str, target_locale: str) -> str:
        """Translate a text of at most 8,000 characters."""
        request = assistant_service_pb2.TranslateRequest(text=text, target_locale=target_locale)
        return (await self._calls.unary(self._stub().Translate, request)).text

    async def suggest(self, conversation_id: str, *, count: int = 0, draft: str = "") -> Sequence[str]:
        """Return what the caller could write next, at most 5 suggestions."""
        request = assistant_service_pb2.SuggestRepliesRequest(conversation_id=conversation_id, count=count, draft=draft)
        return (await self._calls.unary(self._stub().SuggestReplies, request)).suggestions

    async def settings(self, assistant_id: str, conversation_id: str) -> ai_pb2.AssistantSettings:
        """Return how an assistant behaves in a conversation. Reasons: ASSISTANT_NOT_FOUND."""
        request = assistant_service_pb2.GetAssistantSettingsRequest(
            assistant_id=assistant_id, conversation_id=conversation_id
        )
        return (await self._calls.unary(self._stub().GetAssistantSettings, request)).settings

    async def set_settings(
        self, assistant_id: str, conversation_id: str, settings: ai_pb2.AssistantSettings, fields: Iterable[str]
    ) -> ai_pb2.AssistantSettings:
        """Change the named settings. Reasons: ASSISTANT_NOT_FOUND, ROLE_REQUIRED, MODEL_NOT_ALLOWED and others."""
        request = assistant_service_pb2.SetAssistantSettingsRequest(
            assistant_id=assistant_id,
            conversation_id=conversation_id,
            settings=settings,
            update_mask=FieldMask(paths=fields),
        )
        return (await self._calls.unary(self._stub().SetAssistantSettings, request)).settings

    async def usage(self) -> assistant_service_pb2.GetUsageResponse:
        """Return what the caller has used today and may still use."""
        return await self._calls.unary(self._stub().GetUsage, assistant_service_pb2.GetUsageRequest())

    def _stub(self) -> assistant_service_pb2_grpc.AssistantServiceStub:
        return self._calls.stub(assistant_service_pb2_grpc.AssistantServiceStub)
