"""Values of the domain -> messages of the contract, and back."""

from parley.ai.v1 import ai_pb2
from svc_ai.domain.reply import Usage
from svc_ai.domain.settings import AssistantSettings, ReplyMode


def usage(given: Usage) -> ai_pb2.Usage:
    """What a call of the model used."""
    return ai_pb2.Usage(
        input_tokens=given.input_tokens,
        cached_input_tokens=given.cached_input_tokens,
        output_tokens=given.output_tokens,
        cost_micros=given.cost_micros,
    )


def settings(given: AssistantSettings) -> ai_pb2.AssistantSettings:
    """How an assistant behaves."""
    return ai_pb2.AssistantSettings(
        reply_mode=ai_pb2.ReplyMode.ValueType(given.reply_mode),
        instructions=given.instructions,
        model=given.model,
        temperature=given.temperature,
        max_output_tokens=given.max_output_tokens,
        context_messages=given.context_messages,
        tools=given.tools,
        version=given.version,
    )


def settings_wanted(given: ai_pb2.AssistantSettings) -> AssistantSettings:
    """How somebody wants an assistant to behave; the version is not theirs to say."""
    return AssistantSettings(
        reply_mode=ReplyMode(given.reply_mode),
        instructions=given.instructions,
        model=given.model,
        temperature=given.temperature if given.HasField("temperature") else None,
        max_output_tokens=given.max_output_tokens,
        context_messages=given.context_messages,
        tools=tuple(given.tools),
    )
