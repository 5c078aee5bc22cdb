"""How an assistant behaves in one conversation."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final, Protocol

from mesh import errors
from svc_ai.domain.reasons import Reason

DEFAULT_MESSAGES: Final = 40
"""Earlier messages that a model is shown unless the settings say otherwise; the newest win."""


class ReplyMode(IntEnum):
    """When an assistant answers. The numbers are those of the contract."""

    USUAL = 0
    """Every message in a direct chat, mentions in a group."""
    MENTION = 1
    ALWAYS = 2
    OFF = 3


@dataclass(frozen=True, slots=True)
class AssistantSettings:
    """What the members want. 0, empty and None stand for what is usual; `version` rises by one with each change."""

    reply_mode: ReplyMode = ReplyMode.USUAL
    instructions: str = ""
    model: str = ""
    temperature: float | None = None
    max_output_tokens: int = 0
    context_messages: int = 0
    tools: tuple[str, ...] = ()
    version: int = 0


@dataclass(frozen=True, slots=True)
class Offer:
    """What the installation allows: models, the default first; the longest reply in tokens; no tools as yet."""

    models: tuple[str, ...]
    max_output_tokens: int
    tools: frozenset[str] = frozenset()

    def checked(self, wanted: AssistantSettings) -> AssistantSettings:
        """The settings within what is allowed: a longer reply is clamped.

        Raises MODEL_NOT_ALLOWED and TOOL_NOT_ALLOWED, which say what may be chosen.
        """
        if wanted.model and wanted.model not in self.models:
            offered = ", ".join(self.models)
            raise errors.invalid(Reason.MODEL_NOT_ALLOWED, f"this model is not offered; these are: {offered}")
        if set(wanted.tools) - self.tools:
            offered = ", ".join(sorted(self.tools)) or "none"
            raise errors.precondition(Reason.TOOL_NOT_ALLOWED, f"this tool is not offered; these are: {offered}")
        return replace(wanted, max_output_tokens=min(wanted.max_output_tokens, self.max_output_tokens))

    def wishes(self, settings: AssistantSettings) -> "Wishes":
        """What is asked of the model. One that is no longer offered gives way to the default, which needs no name."""
        model = settings.model if settings.model in self.models[1:] else ""
        length = min(settings.max_output_tokens or self.max_output_tokens, self.max_output_tokens)
        return Wishes(model, settings.temperature, length)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is asked of a model beside its words. Empty, None and 0: its own default."""

    model: str = ""
    temperature: float | None = None
    max_output_tokens: int = 0


def changed(settings: AssistantSettings, wanted: AssistantSettings, fields: Collection[str]) -> AssistantSettings:
    """The settings with these fields as they are wanted, and the next version if that makes a difference."""
    values = {field: getattr(wanted, field) for field in fields}
    after = replace(settings, **values)
    return after if after == settings else replace(after, version=settings.version + 1)


class SettingsStore(Protocol):
    """How assistants behave, by assistant and conversation. All raise UNAVAILABLE when the store cannot answer."""

    async def load(self, assistant_id: str, conversation_id: str) -> AssistantSettings:
        """The settings; those that are usual, of version 0, when nobody has changed any."""

    async def save(self, assistant_id: str, conversation_id: str, settings: AssistantSettings) -> bool:
        """Keep them durably in place of the version before theirs; False when another one is kept meanwhile."""
