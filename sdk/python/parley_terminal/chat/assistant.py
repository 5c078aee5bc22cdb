"""Commands that ask the model without writing into the chat, and for another answer in it."""

from __future__ import annotations

from typing import Final

from parley_terminal.chat.command import Command, UsageError, number_of, opened
from parley_terminal.chat.desk import Desk
from parley_terminal.chat.target import target

_SUMMED: Final = 100
"""Entries that are summed up when nothing else is said."""

_MOST: Final = 2_000


async def _summary(desk: Desk, words: list[str]) -> None:
    """The newest entries, or those from a number on."""
    conversation_id = opened(desk)
    first, words = number_of(words)
    if words and not words[0].isdigit():
        raise UsageError("type /summary, /summary 50 or /summary #12")
    head = await _head(desk, conversation_id)
    count = min(int(words[0]) if words else _SUMMED, _MOST)
    made = await desk.client.assistants.summarise(conversation_id, first or max(1, head - count + 1), head)
    desk.screen.say(made.text)
    rests = ", ".join(f"#{seq}" for seq in made.source_seqs)
    desk.screen.say(f"rests on {rests}{'; what is older was not read' if made.truncated else ''}", "")


async def _head(desk: Desk, conversation_id: str) -> int:
    head = desk.chat(conversation_id).head or (await desk.client.conversations.get(conversation_id)).head_seq
    if not head:
        raise UsageError("nothing was said here")
    return head


async def _translate(desk: Desk, words: list[str]) -> None:
    seq, words = number_of(words)
    if not words or (seq and len(words) > 1):
        raise UsageError("type /translate de, /translate #12 de or /translate de TEXT; de stands for a language")
    if len(words) > 1:
        desk.screen.say(await desk.client.assistants.translate(" ".join(words[1:]), words[0]))
        return
    seq = seq or await _head(desk, opened(desk))
    desk.screen.say((await desk.client.assistants.translate_entry(opened(desk), seq, words[0])).text)


async def _suggest(desk: Desk, words: list[str]) -> None:
    made = await desk.client.assistants.suggest(opened(desk), draft=" ".join(words))
    for text in made.suggestions:
        desk.screen.say(f"  {text}", "")
    if not made.suggestions:
        desk.screen.say("nothing comes to mind")


async def _again(desk: Desk, words: list[str]) -> None:
    seq, _ = target(desk, words)
    await desk.client.assistants.regenerate(desk.open_id, seq)


COMMANDS: Final = (
    Command("summary", "[50|#number]", "sum up what was said last, or from that message on", _summary),
    Command("translate", "[#number] de [TEXT]", "translate the last message, that one, or a text", _translate, 1),
    Command("suggest", "[TEXT]", "what you could write next, or how to go on from a text", _suggest),
    Command("again", "[#number]", "have your last question answered anew, or that one", _again),
)
