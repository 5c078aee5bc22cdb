from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from google.protobuf.field_mask_pb2 import FieldMask

from parley.ai.v1 import ai_pb2, assistant_service_pb2, assistant_service_pb2_grpc
from parley_sdk.facades.paging import PAGE, gather
from parley_sdk.ids import new_request_id
from parley_sdk.infrastructure.calls import Calls

_MODEL_SECONDS: Final = 60.0
"""How long a model may take, which is longer than other calls do."""

_DETAILED: Final = assistant_service_pb2.SummariseRequest.LENGTH_DETAILED


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
        """Have an entry, or the entry that it answers, answered anew and return the id of the answer.

        Reasons: REPLY_NOT_FOUND, REPLY_IN_PROGRESS, ROLE_REQUIRED, CONTACT_BLOCKED_BY_YOU.
        """
        request = assistant_service_pb2.RegenerateReplyRequest(
            request_id=new_request_id(), conversation_id=conversation_id, seq=seq
        )
        return (await self._calls.unary(self._stub().RegenerateReply, request)).reply_id

    async def summarise(
        self, conversation_id: str, from_seq: int, to_seq: int, *, locale: str = "", detailed: bool = False
    ) -> assistant_service_pb2.SummariseResponse:
        """Sum up a stretch of at most 2,000 entries, `detailed` under headings. An empty `locale` is the user's own.

        Reasons: RANGE_INVALID, MODEL_UNAVAILABLE, MODEL_TIMEOUT, BUDGET_EXHAUSTED.
        """
        request = assistant_service_pb2.SummariseRequest(
            request_id=new_request_id(),
            conversation_id=conversation_id,
            from_seq=from_seq,
            to_seq=to_seq,
            locale=locale,
            length=_DETAILED if detailed else assistant_service_pb2.SummariseRequest.LENGTH_SHORT,
        )
        return await self._calls.unary(self._stub().Summarise, request, seconds=_MODEL_SECONDS)

    async def translate(self, text: str, target_locale: str, *, source_locale: str = "") -> str:
        """Translate a text of at most 8,000 characters into a language such as `de` or `zh-Hans`."""
        request = assistant_service_pb2.TranslateRequest(
            text=text, target_locale=target_locale, source_locale=source_locale
        )
        return (await self._calls.unary(self._stub().Translate, request, seconds=_MODEL_SECONDS)).text

    async def translate_entry(
        self, conversation_id: str, seq: int, target_locale: str
    ) -> assistant_service_pb2.TranslateResponse:
        """Translate what an entry says. Reasons: ENTRY_NOT_FOUND, ENTRY_WITHOUT_TEXT."""
        entry = assistant_service_pb2.EntryReference(conversation_id=conversation_id, seq=seq)
        request = assistant_service_pb2.TranslateRequest(entry=entry, target_locale=target_locale)
        return await self._calls.unary(self._stub().Translate, request, seconds=_MODEL_SECONDS)

    async def suggest(
        self, conversation_id: str, *, count: int = 0, draft: str = "", locale: str = ""
    ) -> assistant_service_pb2.SuggestRepliesResponse:
        """Return what the caller could write next, at most 5 suggestions, and the entry up to which they fit."""
        request = assistant_service_pb2.SuggestRepliesRequest(
            conversation_id=conversation_id, count=count, draft=draft, locale=locale
        )
        return await self._calls.unary(self._stub().SuggestReplies, request, seconds=_MODEL_SECONDS)

    async def settings(self, assistant_id: str, conversation_id: str) -> ai_pb2.AssistantSettings:
        """Return how an assistant behaves in a conversation. Reasons: ASSISTANT_NOT_FOUND."""
        request = assistant_service_pb2.GetAssistantSettingsRequest(
            assistant_id=assistant_id, conversation_id=conversation_id
        )
        return (await self._calls.unary(self._stub().GetAssistantSettings, request)).settings

    async def set_settings(
        self,
        assistant_id: str,
        conversation_id: str,
        settings: ai_pb2.AssistantSettings,
        fields: Iterable[str],
        *,
        expected_version: int = 0,
    ) -> ai_pb2.AssistantSettings:
        """Change the named settings, with `expected_version` only if nobody else did since.

        Reasons: ASSISTANT_NOT_FOUND, ROLE_REQUIRED, VERSION_CONFLICT, MODEL_NOT_ALLOWED, TOOL_NOT_ALLOWED.
        """
        request = assistant_service_pb2.SetAssistantSettingsRequest(
            assistant_id=assistant_id,
            conversation_id=conversation_id,
            settings=settings,
            update_mask=FieldMask(paths=fields),
            expected_version=expected_version,
        )
        return (await self._calls.unary(self._stub().SetAssistantSettings, request)).settings

    async def usage(self) -> assistant_service_pb2.GetUsageResponse:
        """Return what the caller has used today and may still use."""
        return await self._calls.unary(self._stub().GetUsage, assistant_service_pb2.GetUsageRequest())

    def _stub(self) -> assistant_service_pb2_grpc.AssistantServiceStub:
        return self._calls.stub(assistant_service_pb2_grpc.AssistantServiceStub)
