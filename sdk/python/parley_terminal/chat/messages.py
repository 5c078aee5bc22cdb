"""Commands about conversations and messages."""

from __future__ import annotations

import time
from typing import Final

from parley.conversation.v1 import conversation_pb2
from parley_sdk import EntryReceived, direct_id, present
from parley_terminal.chat.command import Command, UsageError, number_of, opened
from parley_terminal.chat.desk import Desk
from parley_terminal.chat.pages import show_all, tell_more
from parley_terminal.chat.people import person
from parley_terminal.chat.target import called, target

_PAGE: Final = 20
_ON_OPENING: Final = 10
_CHATS: Final = 200


async def open_chat(desk: Desk, conversation_id: str) -> None:
    """Write to this conversation from now on; show what was said last, and mark it as read."""
    desk.open_id = conversation_id
    await desk.names.learn(conversation_id.split("-"))
    desk.screen.say(f"— {desk.names.conversation(conversation_id)} —", "place")
    if desk.chat(conversation_id).head:
        await _history(desk, [str(_ON_OPENING)])
    await desk.mark_read(conversation_id)


async def _chats(desk: Desk, words: list[str]) -> None:
    if words and not words[0].isdecimal():
        raise UsageError("type /chats, or /chats COUNT for so many")
    await list_chats(desk, int(words[0]) if words else _CHATS)


async def list_chats(desk: Desk, most: int = _CHATS) -> None:
    """Show the conversations and what is new in them."""
    found = await desk.client.conversations.list(limit=most)
    for conversation in found:
        desk.know(conversation)
        await desk.names.learn(conversation.conversation_id.split("-"))
        unread = f"  {conversation.unread_count} new" if conversation.unread_count else ""
        name = conversation.settings.remark or desk.names.conversation(conversation.conversation_id)
        desk.screen.say(f"  {name}{unread}{_signs(conversation.settings)}", "")
    tell_more(desk, found, f"/chats {2 * most}")


def _signs(settings: conversation_pb2.ConversationSettings) -> str:
    """What the user has done with a chat, in short."""
    muted = settings.muted_until_ms > time.time_ns() // 1_000_000
    signs = {"pinned": settings.pinned, "muted": muted, "unread": settings.marked_unread, "draft": settings.draft}
    shown = ", ".join(sign for sign, on in signs.items() if on)
    return f"  ({shown})" if shown else ""


async def _chat(desk: Desk, words: list[str]) -> None:
    await open_chat(desk, await called(desk, " ".join(words)))


async def _history(desk: Desk, words: list[str]) -> None:
    conversation_id = opened(desk)
    before, words = number_of(words)
    limit = int(words[0]) if words and words[0].isdigit() else _PAGE
    page = await desk.client.messages.history(conversation_id, before_seq=before, limit=limit)
    for entry in reversed(page.entries):
        desk.entered(EntryReceived(entry, own=entry.sender_id == desk.client.user_id))
    await show_all(desk, reversed(present(page.entries, page.amendments, page.reactions)))
    if page.more:
        desk.screen.say(f"earlier: /history #{page.next_seq + 1}")


async def _read(desk: Desk, words: list[str]) -> None:
    wanted = [await called(desk, " ".join(words))] if words else [chat.conversation_id for chat in desk.unread]
    for conversation_id in wanted:
        await desk.mark_read(conversation_id)


async def _edit(desk: Desk, words: list[str]) -> None:
    seq, words = target(desk, words)
    if not words:
        raise UsageError("type /edit [#number] TEXT")
    await desk.client.edit(desk.open_id, seq, " ".join(words))


async def _report(desk: Desk, words: list[str]) -> None:
    seq, words = number_of(words)
    if not words:
        raise UsageError("type /report #number WHY, or /report NAME WHY")
    if seq:
        await desk.client.messages.report(opened(desk), seq, " ".join(words))
    else:
        await _report_subject(desk, words[0], " ".join(words[1:]) or "no reason given")
    desk.screen.say("the moderators will look at it")


async def _report_subject(desk: Desk, name: str, why: str) -> None:
    group_id = desk.names.group_called(name)
    if group_id is not None:
        await desk.client.reports.group(group_id, why)
    else:
        await desk.client.reports.user((await person(desk, name)).user_id, why)


async def _recall(desk: Desk, words: list[str]) -> None:
    seq, _ = target(desk, words)
    await desk.client.recall(desk.open_id, seq)


async def _assistant(desk: Desk, words: list[str]) -> None:
    assistants = await desk.client.assistants.list()
    if not assistants:
        raise UsageError("there is no assistant here")
    assistant = assistants[0]
    await desk.names.learn([assistant.user_id])
    await open_chat(desk, direct_id(desk.client.user_id, assistant.user_id))
    if words:
        desk.client.send(desk.open_id, " ".join(words))


async def _cancel(desk: Desk, _: list[str]) -> None:
    await desk.client.assistants.cancel_all(opened(desk))


COMMANDS: Final = (
    Command("chats", "[COUNT]", "your conversations", _chats),
    Command("chat", "NAME", "open the chat with somebody, or a group", _chat, 1),
    Command("history", "[#before]", "what was said before", _history),
    Command("read", "[NAME]", "mark a chat as read, or all", _read),
    Command("edit", "[#number] TEXT", "correct your last message, or that one", _edit, 1),
    Command("recall", "[#number]", "take your last message back, or that one", _recall),
    Command("report", "#number|NAME WHY", "tell the moderators of a message, a person or a group", _report, 2),
    Command("assistant", "[TEXT]", "open the chat with the assistant, and ask it", _assistant),
    Command("cancel", "", "stop the answer that is being written", _cancel),
)
