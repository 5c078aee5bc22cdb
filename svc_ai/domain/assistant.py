"""Assistants, and when they answer."""

from collections.abc import Collection
from dataclasses import dataclass

from svc_ai.domain.entry import Entry, EntryKind, is_direct


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


def is_asked(entry: Entry, assistant_id: str, assistants: Collection[str]) -> bool:
    """Whether the assistant owes an answer to this entry.

    It does to each post of a person in a direct chat, and in a group to those that mention it. Never to an assistant,
    itself included, so that two of them cannot keep each other talking.
    """
    if entry.kind is not EntryKind.POST or not entry.sender_id or entry.sender_id in assistants:
        return False
    return is_direct(entry.conversation_id) or assistant_id in entry.mentions
