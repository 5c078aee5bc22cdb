"""Commands about single messages, and about finding them."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from parley.message.v1 import message_service_pb2
from parley_sdk import is_group, more_behind, present, text_of
from parley_terminal.chat.command import Command, UsageError, number_of, opened
from parley_terminal.chat.desk import Desk
from parley_terminal.chat.pages import show_all, tell_more
from parley_terminal.chat.target import called, target

_PAGE: Final = 20
_MOST_BUNDLED: Final = 100
_COUNTS_ONLY: Final = "; who they are is not shown in this group (/receipts on)"
_Kind = message_service_pb2.PostKind
_KINDS: Final = {
    "images": (_Kind.POST_KIND_IMAGE, _Kind.POST_KIND_VIDEO),
    "files": (_Kind.POST_KIND_FILE,),
    "voice": (_Kind.POST_KIND_VOICE,),
    "links": (_Kind.POST_KIND_LINK,),
}


async def _react(desk: Desk, words: list[str]) -> None:
    seq, words = number_of(words)
    conversation_id = opened(desk)
    name = words[0] if words else "👍"
    removed = len(name) > 1 and name.startswith("-")
    seq = seq or desk.chat(conversation_id).head
    await desk.client.react(conversation_id, seq, name.removeprefix("-") if removed else name, removed=removed)


async def _reactions(desk: Desk, words: list[str]) -> None:
    seq, _ = target(desk, words)
    found = await desk.client.messages.reactions(opened(desk), seq)
    await desk.names.learn({one.user_id for one in found})
    said = ", ".join(f"{one.name} {desk.names.user(one.user_id)}" for one in found)
    desk.screen.say(f"#{seq}: {said or 'no reactions'}{' and others' if more_behind(found) else ''}", "")


async def _pin(desk: Desk, words: list[str]) -> None:
    seq, _ = number_of(words)
    await desk.client.pin(opened(desk), seq or desk.chat(desk.open_id).head)


async def _unpin(desk: Desk, words: list[str]) -> None:
    seq, _ = target(desk, words)
    await desk.client.pin(opened(desk), seq, removed=True)


async def _pins(desk: Desk, _: list[str]) -> None:
    found = await desk.client.conversations.pins(opened(desk))
    await show_all(desk, found)
    if not found:
        desk.screen.say("nothing is pinned here")


async def _edits(desk: Desk, words: list[str]) -> None:
    seq, _ = target(desk, words)
    for entry in await desk.client.messages.edits(opened(desk), seq):
        desk.screen.say(f"  {_when(entry.sent_at_ms)}  {text_of(entry) or 'taken back'}", "")


async def _who(desk: Desk, words: list[str]) -> None:
    seq, _ = target(desk, words)
    page = await desk.client.messages.readers(opened(desk), seq)
    await desk.names.learn(page.user_ids)
    about = "about " if page.sampled else ""
    counts = f" ({about}{page.read_count} have, {page.unread_count} have not)" if is_group(desk.open_id) else ""
    if page.counts_only:
        desk.screen.say(f"#{seq} read by {about}{page.read_count}, not yet by {page.unread_count}{_COUNTS_ONLY}", "")
        return
    names = ", ".join(map(desk.names.user, page.user_ids)) or "nobody yet"
    desk.screen.say(f"#{seq} read by: {names}{counts}", "")


async def _delivery(desk: Desk, words: list[str]) -> None:
    seq, _ = target(desk, words)
    found = await desk.client.messages.explain(opened(desk), seq)
    await desk.names.learn({one.user_id for one in found.devices})
    desk.screen.say(f"#{seq} on the disk at {_when(found.committed_at_ms)}", "")
    if found.counts_only:
        desk.screen.say(f"  received by {found.received_count}{_COUNTS_ONLY}", "")
    for one in found.devices:
        marks = ["connected" if one.connected else "not connected"]
        if not found.counts_only or one.user_id == desk.client.user_id:
            marks += ["read"] if one.read else ["received"] if one.received else ["not received yet"]
        who = f"{desk.names.user(one.user_id)} {one.device_name}".rstrip()
        desk.screen.say(f"  {who}: {', '.join(marks)}", "")


async def _reply(desk: Desk, words: list[str]) -> None:
    seq, words = number_of(words)
    if not words:
        raise UsageError("type /reply [#number] TEXT")
    desk.client.send(opened(desk), " ".join(words), reply_to_seq=seq or desk.chat(desk.open_id).head)


async def _quote(desk: Desk, words: list[str]) -> None:
    seq, words = number_of(words)
    if not words:
        raise UsageError("type /quote [#number] TEXT")
    shown = await desk.client.messages.one(opened(desk), seq or desk.chat(desk.open_id).head)
    await desk.client.reply(shown, " ".join(words))


async def _forward(desk: Desk, words: list[str]) -> None:
    seq, words = number_of(words)
    if not seq or not words:
        raise UsageError("type /forward #number NAME")
    shown = await desk.client.messages.one(opened(desk), seq)
    await desk.client.forward(await called(desk, " ".join(words)), shown)


async def _bundle(desk: Desk, words: list[str]) -> None:
    first, words = number_of(words)
    last, words = number_of(words)
    if not first or last < first or not words:
        raise UsageError("type /bundle #first #last NAME")
    page = await desk.client.messages.stretch(opened(desk), from_seq=first, to_seq=last, limit=_MOST_BUNDLED)
    posts = [shown for shown in present(page.entries, page.amendments) if shown.entry.content.HasField("post")]
    if not posts:
        raise UsageError("there is no message between these two")
    await desk.names.learn({shown.entry.sender_id for shown in posts})
    title = f"{desk.names.conversation(desk.open_id)}, {_when(posts[0].entry.sent_at_ms)}"
    await desk.client.forward_all(await called(desk, " ".join(words)), title, posts, desk.names.user)


async def _search(desk: Desk, words: list[str]) -> None:
    here = words[0] == "here"
    query = " ".join(words[1:] if here else words)
    if not query:
        raise UsageError("type /search [here] WORDS")
    found = await desk.client.messages.search(query, conversation_id=opened(desk) if here else "", limit=_PAGE)
    for shown in reversed(found):
        await desk.names.learn(shown.conversation_id.split("-"))
        await show_all(desk, [shown], desk.names.conversation(shown.conversation_id))
    tell_more(desk, found, "search for more words at once")
    if not found:
        desk.screen.say("nothing was found")


async def _jump(desk: Desk, words: list[str]) -> None:
    seq, words = number_of(words)
    if seq:
        page = await desk.client.messages.around(opened(desk), seq, limit=_PAGE)
    elif words:
        page = await desk.client.messages.since(opened(desk), _time_of(" ".join(words)), limit=_PAGE)
    else:
        raise UsageError("type /jump 2026-11-26, /jump 2026-11-26 18:30, or /jump #number")
    await show_all(desk, present(page.entries, page.amendments, page.reactions))
    if not page.entries:
        desk.screen.say("nothing was said since then")


async def _shared(desk: Desk, words: list[str]) -> None:
    kind = words[0] if words else "files"
    if kind not in _KINDS:
        raise UsageError(f"type /shared with one of: {', '.join(_KINDS)}")
    before, _ = number_of(words[1:])
    found = await desk.client.messages.posts(opened(desk), kinds=_KINDS[kind], before_seq=before, limit=_PAGE)
    await show_all(desk, reversed(found))
    if found:
        tell_more(desk, found, f"/shared {kind} #{found[-1].entry.seq}")
    if not found:
        desk.screen.say(f"no {kind} here")


def _time_of(words: str) -> int:
    try:
        return int(datetime.fromisoformat(words).astimezone().timestamp() * 1_000)
    except (ValueError, OverflowError) as error:
        raise UsageError("a date looks like 2026-11-26, or 2026-11-26 18:30") from error


def _when(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000).astimezone().strftime("%Y-%m-%d %H:%M")


COMMANDS: Final = (
    Command("react", "[#number] [EMOJI]", "react to the last message, or to that one; -EMOJI takes it back", _react),
    Command("reactions", "[#number]", "who reacted to your last message, or to that one", _reactions),
    Command("pin", "[#number]", "pin the last message, or that one", _pin),
    Command("unpin", "#number", "take a pin away", _unpin, 1),
    Command("pins", "", "what is pinned here", _pins),
    Command("edits", "[#number]", "what your last message, or that one, said before", _edits),
    Command("who", "[#number]", "who has read your last message, or that one", _who),
    Command("delivery", "[#number]", "how far your last message came, or that one", _delivery),
    Command("reply", "[#number] TEXT", "answer the last message, or that one", _reply, 1),
    Command("quote", "[#number] TEXT", "the same, and show what it said", _quote, 1),
    Command("forward", "#number NAME", "pass a message on", _forward, 2),
    Command("bundle", "#first #last NAME", "pass several messages on as one", _bundle, 3),
    Command("search", "[here] WORDS", "find messages, here or everywhere", _search, 1),
    Command("jump", "DATE or #number", "what was said then", _jump, 1),
    Command("shared", "[images|files|voice|links] [#number]", "what was shared here", _shared),
)
