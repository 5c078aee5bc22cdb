"""What a command is about: a conversation by its name, a message by its number."""

from __future__ import annotations

from parley_sdk import direct_id
from parley_terminal.chat.command import UsageError, number_of, opened
from parley_terminal.chat.desk import Desk
from parley_terminal.chat.people import person


async def called(desk: Desk, name: str) -> str:
    """Return the group or the direct chat with the user called so. Raises UsageError when there is none."""
    group_id = desk.names.group_called(name)
    if group_id is not None:
        return group_id
    return direct_id(desk.client.user_id, (await person(desk, name)).user_id)


def target(desk: Desk, words: list[str]) -> tuple[int, list[str]]:
    """Take a leading number off; without one, the newest own message is meant."""
    conversation_id = opened(desk)
    seq, words = number_of(words)
    seq = seq or desk.chat(conversation_id).last_own
    if not seq:
        raise UsageError("say which one: #number")
    return seq, words
