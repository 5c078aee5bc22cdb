"""The face of the AI service: parley.ai.v1.AssistantService, proto to use case and back."""

from collections.abc import Callable
from typing import Final

from mesh.caller import Caller
from parley.ai.v1 import ai_pb2, assistant_service_pb2, moderation_service_pb2, reply_service_pb2
from svc_ai.application.assistants import Assistants
from svc_ai.application.cancel import Cancelling, Stopping
from svc_ai.application.moderate import Moderating
from svc_ai.application.usage import Metering
from svc_ai.domain.assistant import Assistant
from svc_ai.domain.settings import Offer
from svc_ai.servicer import views
from svc_ai.servicer.asking import Asked, OnRequest

SERVICE: Final = assistant_service_pb2.DESCRIPTOR.services_by_name["AssistantService"]
MODERATION: Final = moderation_service_pb2.DESCRIPTOR.services_by_name["ModerationService"]

REPLIES: Final = reply_service_pb2.DESCRIPTOR.services_by_name["ReplyService"]


class ReplyServicer:
    """What other nodes of this service ask of this one."""

    def __init__(self, stopping: Stopping) -> None:
        self._stopping = stopping

    async def stop_replies(
        self, request: reply_service_pb2.StopRepliesRequest, caller: Caller
    ) -> reply_service_pb2.StopRepliesResponse:
        if request.WhichOneof("target") == "reply_id":
            stopped = await self._stopping.one(request.user_id, request.reply_id)
            return reply_service_pb2.StopRepliesResponse(stopped_reply_ids=stopped or (), known=stopped is not None)
        stopped = await self._stopping.all_of(request.user_id, request.conversation_id)
        return reply_service_pb2.StopRepliesResponse(stopped_reply_ids=stopped)


CAPABILITIES: Final = (
    ai_pb2.CAPABILITY_CHAT,
    ai_pb2.CAPABILITY_SUMMARISE,
    ai_pb2.CAPABILITY_TRANSLATE,
    ai_pb2.CAPABILITY_SUGGEST,
)


class AssistantServicer(OnRequest):
    """What assistants can be asked besides what is written to them."""

    def __init__(
        self,
        assistants: Assistants,
        cancelling: Cancelling,
        metering: Metering,
        asked: Asked,
        offer: Offer,
        available: Callable[[], bool],
    ) -> None:
        OnRequest.__init__(self, asked)
        self._assistants = assistants
        self._cancelling = cancelling
        self._metering = metering
        self._offer = offer
        self._available = available

    async def list_assistants(
        self, request: assistant_service_pb2.ListAssistantsRequest, caller: Caller
    ) -> assistant_service_pb2.ListAssistantsResponse:
        page, next_page_token = self._assistants.page(request.page_size, request.page_token)
        assistants = [self._assistant(assistant) for assistant in page]
        return assistant_service_pb2.ListAssistantsResponse(assistants=assistants, next_page_token=next_page_token)

    async def cancel_reply(
        self, request: assistant_service_pb2.CancelReplyRequest, caller: Caller
    ) -> assistant_service_pb2.CancelReplyResponse:
        if request.WhichOneof("target") == "reply_id":
            cancelled = await self._cancelling.one(caller.user_id, request.reply_id)
        else:
            cancelled = await self._cancelling.all_of(caller.user_id, request.conversation_id)
        return assistant_service_pb2.CancelReplyResponse(cancelled_reply_ids=cancelled)

    async def get_usage(
        self, request: assistant_service_pb2.GetUsageRequest, caller: Caller
    ) -> assistant_service_pb2.GetUsageResponse:
        used, daily = await self._metering.today(caller.user_id), self._metering.daily
        return assistant_service_pb2.GetUsageResponse(
            today=views.usage(used.usage),
            requests_today=used.requests,
            daily_token_limit=daily.tokens,
            daily_request_limit=daily.requests,
            daily_cost_micros_limit=daily.cost_micros,
            resets_at_ms=self._metering.resets_at_ms,
        )

    def _assistant(self, assistant: Assistant) -> ai_pb2.Assistant:
        return ai_pb2.Assistant(
            user_id=assistant.user_id,
            name=assistant.profile.display_name,
            description=assistant.profile.description,
            capabilities=CAPABILITIES,
            models=self._offer.models,
            available=self._available(),
        )


class ModerationServicer:
    """parley.ai.v1.ModerationService: the word list decides, and where it finds nothing a model does."""

    def __init__(self, moderating: Moderating) -> None:
        self._moderating = moderating

    async def moderate(
        self, request: moderation_service_pb2.ModerateRequest, caller: Caller
    ) -> moderation_service_pb2.ModerateResponse:
        ruling = await self._moderating.judge(request.text)
        return moderation_service_pb2.ModerateResponse(
            verdict=moderation_service_pb2.Verdict.ValueType(ruling.action),
            categories=ruling.categories,
            masked_text=ruling.masked,
            degraded=ruling.degraded,
            confidence=ruling.confidence,
        )
