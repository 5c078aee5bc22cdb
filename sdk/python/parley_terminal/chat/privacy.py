"""Commands about what others may see and do."""

from __future__ import annotations

from typing import Any, Final

from parley.user.v1 import user_pb2
from parley_terminal.chat.command import Command, UsageError
from parley_terminal.chat.desk import Desk

_SEEN_AS: Final = {
    "online": user_pb2.SEEN_AS_ONLINE,
    "away": user_pb2.SEEN_AS_AWAY,
    "invisible": user_pb2.SEEN_AS_OFFLINE,
}
_AUDIENCES: Final = {
    "everyone": user_pb2.AUDIENCE_EVERYONE,
    "friends": user_pb2.AUDIENCE_FRIENDS,
    "nobody": user_pb2.AUDIENCE_NOBODY,
}
_SWITCHES: Final = {"yes": True, "no": False}
_SETTINGS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "write": ("write_to_me", _AUDIENCES),
    "find": ("find_me", _AUDIENCES),
    "befriend": ("befriend_me", _AUDIENCES),
    "groups": ("add_me_to_groups", _AUDIENCES),
    "presence": ("see_presence", _AUDIENCES),
    "birthday": ("see_birthday", _AUDIENCES),
    "hide-receipts": ("hide_read_receipts", _SWITCHES),
    "hide-push": ("hide_push_content", _SWITCHES),
}


async def _status(desk: Desk, words: list[str]) -> None:
    if words[0] not in _SEEN_AS:
        raise UsageError(f"type /status {'|'.join(_SEEN_AS)}")
    await desk.client.settings.be_seen_as(_SEEN_AS[words[0]])
    desk.screen.say(f"others see you as {words[0] if words[0] != 'invisible' else 'offline'}, on all your devices")


async def _privacy(desk: Desk, words: list[str]) -> None:
    if words:
        await _change(desk, words)
    settings = await desk.client.settings.privacy()
    for name, (field, values) in _SETTINGS.items():
        shown = next((word for word, value in values.items() if value == getattr(settings, field)), "?")
        desk.screen.say(f"  {name:<14} {shown}", "")


async def _change(desk: Desk, words: list[str]) -> None:
    name, value = words[0], words[1] if len(words) > 1 else ""
    if name not in _SETTINGS:
        raise UsageError(f"type /privacy [{'|'.join(_SETTINGS)}] value")
    field, values = _SETTINGS[name]
    if value not in values:
        raise UsageError(f"type /privacy {name} {'|'.join(values)}")
    await desk.client.settings.change_privacy(**{field: values[value]})


COMMANDS: Final = (
    Command("status", "online|away|invisible", "how others see you, on all your devices", _status, 1),
    Command("privacy", "[setting value]", "who may write, find, befriend and see you", _privacy),
)
