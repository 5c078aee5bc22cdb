"""Commands about what one has of a chat for oneself, and about time."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from parley.conversation.v1 import conversation_pb2
from parley_sdk import export, text_of_body
from parley_terminal.chat.command import Command, UsageError, number_of, opened
from parley_terminal.chat.desk import Desk

_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_ALL: Final = 100_000
_FOR_EVER: Final = 2**63 - 1
_PERIOD: Final = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)")
_EVERY_DAY: Final = 127
_WEEK_S: Final = 604_800


def seconds(word: str) -> int:
    """Return how long `90s`, `10m`, `2h`, `3d` or `1w` is. Raises UsageError for anything else."""
    number, unit = word[:-1], word[-1:]
    if unit not in _UNITS or not number.isdecimal() or not int(number):
        raise UsageError("say how long: 30s, 10m, 2h, 3d or 1w")
    return int(number) * _UNITS[unit]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


async def _configure(desk: Desk, *cleared: str, **values: object) -> None:
    settings = conversation_pb2.ConversationSettings(**values)  # type: ignore[arg-type]
    await desk.client.conversations.update_settings(opened(desk), settings, [*values, *cleared])


async def _mute(desk: Desk, words: list[str]) -> None:
    until = _now_ms() + 1_000 * seconds(words[0]) if words else _FOR_EVER
    await _configure(desk, muted_until_ms=until)


async def _unmute(desk: Desk, _: list[str]) -> None:
    await _configure(desk, "muted_until_ms")


async def _pin(desk: Desk, _: list[str]) -> None:
    await _configure(desk, pinned=True)


async def _unpin(desk: Desk, _: list[str]) -> None:
    await _configure(desk, "pinned")


async def _archive(desk: Desk, _: list[str]) -> None:
    await _configure(desk, archived=True)
    desk.open_id = ""


async def _unarchive(desk: Desk, _: list[str]) -> None:
    await _configure(desk, "archived")


async def _archived(desk: Desk, _: list[str]) -> None:
    for one in await desk.client.conversations.list(archived=True, limit=_ALL):
        await desk.names.learn(one.conversation_id.split("-"))
        desk.screen.say(f"  {desk.names.conversation(one.conversation_id)}", "")


async def _unread(desk: Desk, _: list[str]) -> None:
    await _configure(desk, marked_unread=True)
    desk.open_id = ""


async def _draft(desk: Desk, words: list[str]) -> None:
    if words:
        await _configure(desk, draft=" ".join(words))
        return
    draft = (await desk.client.conversations.get(opened(desk))).settings.draft
    desk.screen.say(f"draft: {draft}" if draft else "there is no draft here", "")


async def _send_draft(desk: Desk, _: list[str]) -> None:
    draft = (await desk.client.conversations.get(opened(desk))).settings.draft
    if not draft:
        raise UsageError("there is no draft here: /draft TEXT")
    await desk.client.send_text(desk.open_id, draft)
    await _configure(desk, "draft")


async def _remark(desk: Desk, words: list[str]) -> None:
    if words:
        await _configure(desk, remark=" ".join(words))
    else:
        await _configure(desk, "remark")


async def _hide(desk: Desk, words: list[str]) -> None:
    conversation_id = opened(desk)
    seqs = [number for word in words if (number := number_of([word])[0])]
    if not seqs:
        raise UsageError("say which ones: /hide #number …")
    await desk.client.messages.hide(conversation_id, seqs)


async def _delete_chat(desk: Desk, _: list[str]) -> None:
    await desk.client.conversations.delete(opened(desk))
    desk.open_id = ""


async def _later(desk: Desk, words: list[str]) -> None:
    at = _now_ms() + 1_000 * seconds(words[0])
    message = await desk.client.schedule(opened(desk), " ".join(words[1:]), at)
    desk.screen.say(f"will be sent {_clock(message.send_at_ms)}: /scheduled lists what waits", "")


async def _scheduled(desk: Desk, _: list[str]) -> None:
    for number, one in enumerate(await desk.client.messages.scheduled(), 1):
        name = desk.names.conversation(one.send.conversation_id)
        text = text_of_body(one.send.content.post.body)
        desk.screen.say(f"  {number}. {_clock(one.send_at_ms)} to {name}: {text}", "")


async def _unschedule(desk: Desk, words: list[str]) -> None:
    waiting = await desk.client.messages.scheduled()
    if not words[0].isdecimal() or not 0 < int(words[0]) <= len(waiting):
        raise UsageError("say which one by its number in /scheduled")
    send = waiting[int(words[0]) - 1].send
    await desk.client.messages.cancel_scheduled(send.conversation_id, send.client_message_id)


async def _vanish(desk: Desk, words: list[str]) -> None:
    after = seconds(words[0])
    if after > _WEEK_S:
        raise UsageError("a message can destroy itself after a week at the latest")
    desk.client.send(opened(desk), " ".join(words[1:]), expires_after_ms=1_000 * after)


async def _keep(desk: Desk, words: list[str]) -> None:
    if words[0] != "forever" and not words[0].isdecimal():
        raise UsageError("type /keep DAYS, or /keep forever")
    await desk.client.conversations.set_retention(opened(desk), 0 if words[0] == "forever" else int(words[0]))


async def _quiet(desk: Desk, words: list[str]) -> None:
    hours = await desk.client.conversations.quiet_hours()
    if words:
        hours = await desk.client.conversations.set_quiet_hours(_hours(words))
    desk.screen.say(_in_words(hours), "")


def _hours(words: list[str]) -> conversation_pb2.QuietHours:
    if words == ["off"]:
        return conversation_pb2.QuietHours()
    found = _PERIOD.fullmatch(words[0])
    if found is None:
        until = _now_ms() + 1_000 * seconds(words[0])
        return conversation_pb2.QuietHours(until_ms=until)
    first, second, third, fourth = map(int, found.groups())
    period = conversation_pb2.QuietPeriod(
        weekdays=_EVERY_DAY, start_minute=60 * first + second, end_minute=60 * third + fourth
    )
    return conversation_pb2.QuietHours(periods=[period], time_zone=words[1] if len(words) > 1 else "")


def _in_words(hours: conversation_pb2.QuietHours) -> str:
    parts = [f"until {_clock(hours.until_ms)}"] if hours.until_ms > _now_ms() else []
    for one in hours.periods:
        start, end = divmod(one.start_minute, 60), divmod(one.end_minute, 60)
        parts.append(f"{start[0]:02}:{start[1]:02}-{end[0]:02}:{end[1]:02} {hours.time_zone or 'UTC'}")
    return f"quiet {', '.join(parts)}" if parts else "not quiet"


async def _export(desk: Desk, words: list[str]) -> None:
    folder = _folder(words[0])
    try:
        count = await export(desk.client, folder)
    except OSError as error:
        raise UsageError(f"cannot write {folder}: {error.strerror}") from error
    desk.screen.say(f"{count} conversations and all else of yours are in {folder}", "")


def _folder(word: str) -> Path:
    return Path(word).expanduser()


def _clock(at_ms: int) -> str:
    return datetime.fromtimestamp(min(at_ms, 253_402_300_799_000) / 1_000, UTC).astimezone().strftime("%d %b %H:%M")


COMMANDS: Final = (
    Command("mute", "[2h]", "no sound from this chat, for so long or for ever", _mute),
    Command("unmute", "", "sounds again", _unmute),
    Command("pin-chat", "", "keep this chat on top of the list", _pin),
    Command("unpin-chat", "", "no longer", _unpin),
    Command("archive", "", "put this chat away until somebody writes", _archive),
    Command("unarchive", "", "take it back", _unarchive),
    Command("archived", "", "the chats that were put away", _archived),
    Command("unread", "", "mark this chat as unread", _unread),
    Command("draft", "[TEXT]", "keep a text for later on all your devices, or show it", _draft),
    Command("send-draft", "", "send it", _send_draft),
    Command("remark", "[TEXT]", "your own name for this chat", _remark),
    Command("hide", "#number…", "hide messages from your own devices", _hide, 1),
    Command("delete-chat", "", "take this chat off your list with all that it holds", _delete_chat),
    Command("later", "10m TEXT", "send a message later: after 30s, 10m, 2h, 3d", _later, 2),
    Command("scheduled", "", "what waits to be sent", _scheduled),
    Command("unschedule", "1", "take one of them back", _unschedule, 1),
    Command("vanish", "30s TEXT", "a message that destroys itself after it was read", _vanish, 2),
    Command("keep", "DAYS", "remove what is older from this chat, for all; or forever", _keep, 1),
    Command(
        "quiet-hours", "[22:00-07:00 [ZONE]]", "when you are not to be disturbed; 2h for now, off to end it", _quiet
    ),
    Command("export", "FOLDER", "write everything that is yours into a folder", _export, 1),
)
