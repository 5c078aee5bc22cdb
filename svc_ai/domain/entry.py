"""Entries of a log as far as an assistant cares: who said what, and who is still there."""

from dataclasses import dataclass
from enum import Enum


class EntryKind(Enum):
    """What an entry is to an assistant."""

    POST = "post"
    REPLY = "reply"
    """An answer of this or another assistant."""
    EDIT = "edit"
    OTHER = "other"
    """All else: only its place counts, and whom it removed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. `text` is the text, caption, transcript or fallback of a post, or the new one of an edit."""

    conversation_id: str
    seq: int
    sender_id: str
    kind: EntryKind
    text: str = ""
    mentions: frozenset[str] = frozenset()
    """Users who are addressed by name; being addressed as one of all does not count."""
    target_seq: int = 0
    """The post that an edit replaces, or that a reply answers."""
    removed: frozenset[str] = frozenset()
    """Users whose membership ends with this entry."""
    reply_to_seq: int = 0
    """The post that a post answers."""
    reply_id: str = ""
    """Which answer a reply is."""
    wordless: bool = False
    """The text only stands for something that has no words of its own, such as a picture without a caption."""


@dataclass(frozen=True, slots=True)
class Page:
    """Entries that follow a position, and whether there are more."""

    entries: tuple[Entry, ...]
    more: bool = False


@dataclass(frozen=True, slots=True)
class Position:
    """How far an assistant knows a conversation."""

    conversation_id: str
    seq: int
    read_seq: int = 0
    peer_read_seq: int = 0


def is_direct(conversation_id: str) -> bool:
    """Whether this is the chat of two users."""
    return "-" in conversation_id


def is_personal(conversation_id: str) -> bool:
    """Whether this is a user's personal log, where nobody talks."""
    return conversation_id.startswith("u") and not is_direct(conversation_id)
