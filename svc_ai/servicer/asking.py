"""The RPCs of AssistantService that ask the model, and those about how an assistant behaves."""

from dataclasses import dataclass

from mesh.caller import Caller
from parley.ai.v1 import assistant_service_pb2 as contract
from svc_ai.application.admit import Admission
from svc_ai.application.configure import Configuring
from svc_ai.application.regenerate import Regenerating
from svc_ai.application.regenerate import Wanted as WantedReply
from svc_ai.application.suggest import Suggesting
from svc_ai.application.summarise import Summarising
from svc_ai.application.summarise import Wanted as WantedSummary
from svc_ai.application.translate import Translating
from svc_ai.servicer import views


@dataclass(frozen=True, slots=True)
class Asked:
    """The use cases, and who lets users in to them."""

    admission: Admission
    regenerating: Regenerating
    summarising: Summarising
    translating: Translating
    suggesting: Suggesting
    configuring: Configuring


class OnRequest:
    """What a user asks for by an RPC."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    async def regenerate_reply(
        self, request: contract.RegenerateReplyRequest, caller: Caller
    ) -> contract.RegenerateReplyResponse:
        """Have an entry answered anew."""
        wanted = WantedReply(request.request_id, request.conversation_id, request.seq)
        with self._asked.admission.enter(caller.user_id):
            reply_id = await self._asked.regenerating.regenerate(caller.user_id, wanted)
        return contract.RegenerateReplyResponse(reply_id=reply_id)

    async def summarise(self, request: contract.SummariseRequest, caller: Caller) -> contract.SummariseResponse:
        """Sum up a part of a conversation."""
        detailed = request.length == contract.SummariseRequest.LENGTH_DETAILED
        place = (request.conversation_id, request.from_seq, request.to_seq)
        wanted = WantedSummary(request.request_id, *place, request.locale, detailed)
        with self._asked.admission.enter(caller.user_id):
            summary = await self._asked.summarising.summarise(caller.user_id, wanted)
        return contract.SummariseResponse(
            text=summary.text,
            source_seqs=summary.source_seqs,
            truncated=summary.truncated,
            usage=views.usage(summary.usage),
        )

    async def translate(self, request: contract.TranslateRequest, caller: Caller) -> contract.TranslateResponse:
        """Translate a text or an entry."""
        translating, languages = self._asked.translating, (request.target_locale, request.source_locale)
        with self._asked.admission.enter(caller.user_id):
            if request.WhichOneof("source") == "entry":
                entry = request.entry
                made = await translating.entry(caller.user_id, entry.conversation_id, entry.seq, *languages)
            else:
                made = await translating.text(caller.user_id, request.text, *languages)
        return contract.TranslateResponse(
            text=made.text, detected_locale=made.detected_locale, usage=views.usage(made.usage)
        )

    async def suggest_replies(
        self, request: contract.SuggestRepliesRequest, caller: Caller
    ) -> contract.SuggestRepliesResponse:
        """Suggest what to write next."""
        wanted = (request.conversation_id, request.count, request.draft, request.locale)
        with self._asked.admission.enter(caller.user_id):
            made = await self._asked.suggesting.suggest(caller.user_id, *wanted)
        return contract.SuggestRepliesResponse(
            suggestions=made.texts, as_of_seq=made.as_of_seq, usage=views.usage(made.usage)
        )

    async def get_assistant_settings(
        self, request: contract.GetAssistantSettingsRequest, caller: Caller
    ) -> contract.GetAssistantSettingsResponse:
        """Say how an assistant behaves in a conversation."""
        found = await self._asked.configuring.get(caller.user_id, request.assistant_id, request.conversation_id)
        return contract.GetAssistantSettingsResponse(settings=views.settings(found))

    async def set_assistant_settings(
        self, request: contract.SetAssistantSettingsRequest, caller: Caller
    ) -> contract.SetAssistantSettingsResponse:
        """Change how an assistant behaves in a conversation."""
        after = await self._asked.configuring.change(
            caller.user_id,
            request.assistant_id,
            request.conversation_id,
            views.settings_wanted(request.settings),
            list(request.update_mask.paths),
            request.expected_version,
        )
        return contract.SetAssistantSettingsResponse(settings=views.settings(after))
