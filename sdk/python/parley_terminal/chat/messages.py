"""Commands about conversations and messages."""

from __future__ import annotations

from typing import Final

from parley_sdk import Code, EntryReceived, ParleyError, direct_id
from parley_terminal.chat.command import Command, UsageError, number_of, opened
from parley_terminal.chat.desk import Desk
from parley_terminal.chat.incoming import show
from parley_terminal.chat.people import person
from parley_terminal.names import ids_in

_PAGE: Final = 20
_ON_OPENING: Final = 10


async def open_chat(desk: Desk, conversation_id: str) -> None:
    """Write to this conversation from now on; show what was said last, and mark it as read."""
    desk.open_id = conversation_id
    await desk.names.learn(conversation_id.split("-"))
    desk.screen.say(f"— {desk.names.conversation(conversation_id)} —", "place")
    if desk.chat(conversation_id).head:
        await _history(desk, [str(_ON_OPENING)])
    await desk.mark_read(conversation_id)


async def _chats(desk: Desk, _: list[str]) -> None:
    await list_chats(desk)


async def list_chats(desk: Desk) -> None:
    """Show the conversations and what is new in them."""
    for conversation in await desk.client.conversations.list():
        desk.know(conversation)
        await desk.names.learn(conversation.conversation_id.split("-"))
        unread = f"  {conversation.unread_count} new" if conversation.unread_count else ""
        desk.screen.say(f"  {desk.names.conversation(conversation.conversation_id)}{unread}", "")


async def _chat(desk: Desk, words: list[str]) -> None:
    await open_chat(desk, await _called(desk, " ".join(words)))


async def _called(desk: Desk, name: str) -> str:
    group_id = desk.names.group_called(name)
    if group_id is not None:
        return group_id
    return direct_id(desk.client.user_id, (await person(desk, name)).user_id)


async def _history(desk: Desk, words: list[str]) -> None:
    conversation_id = opened(desk)
    before, words = number_of(words)
    limit = int(words[0]) if words and words[0].isdigit() else _PAGE
    page = await desk.client.messages.history(conversation_id, before_seq=before, limit=limit)
    for entry in reversed(page.entries):
        await desk.names.learn(ids_in(entry))
        event = EntryReceived(entry, own=entry.sender_id == desk.client.user_id)
        desk.entered(event)
        show(desk, event)
    if page.more:
        desk.screen.say(f"earlier: /history #{page.entries[-1].seq}")


async def _read(desk: Desk, words: list[str]) -> None:
    wanted = [await _called(desk, " ".join(words))] if words else [chat.conversation_id for chat in desk.unread]
    for conversation_id in wanted:
        await desk.mark_read(conversation_id)


async def _edit(desk: Desk, words: list[str]) -> None:
    seq, words = _target(desk, words)
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
    seq, _ = _target(desk, words)
    await desk.client.recall(desk.open_id, seq)


async def _react(desk: Desk, words: list[str]) -> None:
    seq, words = number_of(words)
    opened(desk)
    await desk.client.react(desk.open_id, seq or desk.chat(desk.open_id).head, words[0] if words else "👍")


async def _who(desk: Desk, words: list[str]) -> None:
    seq, _ = _target(desk, words)
    readers = await _readers(desk, seq)
    await desk.names.learn(readers)
    desk.screen.say(f"#{seq} read by: " + (", ".join(map(desk.names.user, readers)) or "nobody yet"), "")


async def _readers(desk: Desk, seq: int) -> list[str]:
    try:
        return list((await desk.client.messages.readers(desk.open_id, seq)).user_ids)
    except ParleyError as error:
        if error.code is not Code.UNIMPLEMENTED:
            raise
    # Not every server lists readers; those seen since the start are known here.
    return [user_id for user_id, read in desk.chat(desk.open_id).read.items() if read >= seq]


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


def _target(desk: Desk, words: list[str]) -> tuple[int, list[str]]:
    """Take a leading number off; without one, the newest own message is meant."""
    conversation_id = opened(desk)
    seq, words = number_of(words)
    seq = seq or desk.chat(conversation_id).last_own
    if not seq:
        raise UsageError("say which one: #number")
    return seq, words


COMMANDS: Final = (
    Command("chats", "", "your conversations", _chats),
    Command("chat", "NAME", "open the chat with somebody, or a group", _chat, 1),
    Command("history", "[#before]", "what was said before", _history),
    Command("read", "[NAME]", "mark a chat as read, or all", _read),
    Command("edit", "[#number] TEXT", "correct your last message, or that one", _edit, 1),
    Command("recall", "[#number]", "take your last message back, or that one", _recall),
    Command("report", "#number|NAME WHY", "tell the moderators of a message, a person or a group", _report, 2),
    Command("react", "[#number] [EMOJI]", "react to the last message, or to that one", _react),
    Command("who", "[#number]", "who has read your last message, or that one", _who),
    Command("assistant", "[TEXT]", "open the chat with the assistant, and ask it", _assistant),
    Command("cancel", "", "stop the answer that is being written", _cancel),
)
