"""The command about how an assistant behaves in the open chat."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from parley.ai.v1 import ai_pb2
from parley_sdk import ParleyError
from parley_terminal.chat.command import Command, UsageError, opened
from parley_terminal.chat.desk import Desk

_MODES: Final[Mapping[str, ai_pb2.ReplyMode.ValueType]] = {
    "usual": ai_pb2.REPLY_MODE_UNSPECIFIED,
    "mention": ai_pb2.REPLY_MODE_MENTION,
    "always": ai_pb2.REPLY_MODE_ALWAYS,
    "off": ai_pb2.REPLY_MODE_OFF,
}

_FIELDS: Final[Mapping[str, tuple[str, Callable[[str], Any]]]] = {
    "mode": ("reply_mode", lambda text: _MODES[text or "usual"]),
    "instructions": ("instructions", str),
    "model": ("model", str),
    "temperature": ("temperature", lambda text: float(text) if text else None),
    "length": ("max_output_tokens", lambda text: int(text or 0)),
    "memory": ("context_messages", lambda text: int(text or 0)),
    "tools": ("tools", lambda text: text.replace(",", " ").split()),
}
"""What people call a setting, its name in the contract, and how its value is read; nothing stands for the usual one."""


async def _behaviour(desk: Desk, words: list[str]) -> None:
    conversation_id = opened(desk)
    assistant_id, settings = await _found(desk, conversation_id)
    if words:
        field, value = _read(words[0], " ".join(words[1:]))
        wanted = ai_pb2.AssistantSettings(**{field: value})
        settings = await desk.client.assistants.set_settings(assistant_id, conversation_id, wanted, [field])
    _show(desk, settings)


def _read(name: str, text: str) -> tuple[str, Any]:
    """The field that is meant and its value."""
    if name not in _FIELDS:
        raise UsageError(f"it has {', '.join(_FIELDS)}: /assistant-settings mode off; without a value it is as usual")
    field, parse = _FIELDS[name]
    try:
        return field, parse(text)
    except (KeyError, ValueError):
        right = f"one of {', '.join(_MODES)}" if name == "mode" else "a number"
        raise UsageError(f"{name} is {right}") from None


async def _found(desk: Desk, conversation_id: str) -> tuple[str, ai_pb2.AssistantSettings]:
    """The assistant that is in the open chat, and how it behaves there."""
    for assistant in await desk.client.assistants.list():
        try:
            settings = await desk.client.assistants.settings(assistant.user_id, conversation_id)
        except ParleyError as error:
            if error.reason != "ASSISTANT_NOT_FOUND":
                raise
        else:
            return assistant.user_id, settings
    raise UsageError("there is no assistant in this chat")


def _show(desk: Desk, settings: ai_pb2.AssistantSettings) -> None:
    shown = {
        "mode": next(name for name, value in _MODES.items() if value == settings.reply_mode),
        "instructions": settings.instructions or "none, or not for you to see",
        "model": settings.model,
        "temperature": f"{settings.temperature:g}" if settings.HasField("temperature") else "",
        "length": settings.max_output_tokens,
        "memory": settings.context_messages,
        "tools": ", ".join(settings.tools) or "none",
    }
    for name, value in shown.items():
        desk.screen.say(f"  {name}: {value or 'usual'}", "")


COMMANDS: Final = (
    Command("assistant-settings", "[mode off]", "how the assistant behaves in this chat, and change it", _behaviour),
)
