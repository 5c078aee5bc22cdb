"""Assistants, and when they answer."""

from collections.abc import Collection
from dataclasses import dataclass

from svc_ai.domain.entry import Entry, EntryKind, is_direct
from svc_ai.domain.settings import ReplyMode


@dataclass(frozen=True, slots=True)
class Profile:
    """How an assistant presents itself. `username` is 3 to 32 characters and nobody can log in with it."""

    username: str = "assistant"
    display_name: str = "Parley Assistant"
    description: str = "Answers in a direct chat, and in groups when it is mentioned."


@dataclass(frozen=True, slots=True)
class Assistant:
    """An assistant with its account."""

    user_id: str
    profile: Profile


def may_ask(entry: Entry, assistants: Collection[str]) -> bool:
    """Whether this is a post of somebody who can be owed an answer: never one of an assistant, the one asked included,
    so that two of them cannot keep each other talking.
    """
    return entry.kind is EntryKind.POST and bool(entry.sender_id) and entry.sender_id not in assistants


def is_asked(entry: Entry, assistant_id: str, mode: ReplyMode, *, replied: bool = False, person: bool = True) -> bool:
    """Whether the assistant owes an answer to a post of somebody who may ask.

    Usually to each in a direct chat, and in a group to those that mention it. `replied`: the post answers a message of
    the assistant. `person`: no bot wrote it, for one that answers all, bots included, would never come to an end.
    """
    mentioned = assistant_id in entry.mentions
    match mode:
        case ReplyMode.USUAL:
            return mentioned or is_direct(entry.conversation_id)
        case ReplyMode.MENTION:
            return mentioned or replied
        case ReplyMode.ALWAYS:
            return mentioned or person
        case ReplyMode.OFF:
            return False
