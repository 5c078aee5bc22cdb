"""What a user can read of a conversation, as an assistant may be shown it on their behalf."""

from dataclasses import dataclass
from typing import Protocol

from svc_ai.domain.entry import Entry
from svc_ai.domain.place import Place


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of a log that was asked for. 0 leaves an end open; `limit` is at most 200."""

    conversation_id: str
    from_seq: int = 0
    to_seq: int = 0
    limit: int = 200
    descending: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """The entries of a stretch, and later edits of them. What is hidden or was recalled has no words in it."""

    entries: tuple[Entry, ...]
    amendments: tuple[Entry, ...]
    head_seq: int
    """The newest entry that the reader sees."""
    next_seq: int = 0
    """Where to go on; 0: there is no more."""


class Histories(Protocol):
    """The logs as single users see them. All raise UNAVAILABLE or DEADLINE_EXCEEDED when nobody answers, and
    CONVERSATION_NOT_FOUND for a user who is not and never was in it.
    """

    async def read(self, user_id: str, stretch: Stretch) -> History:
        """What the user sees of a stretch."""

    async def place(self, user_id: str, conversation_id: str) -> Place:
        """What the user is there."""


class People(Protocol):
    """What of people an assistant has to know. Raises UNAVAILABLE when the user service does not answer."""

    async def locale(self, user_id: str) -> str:
        """The language that the user prefers, BCP 47; empty when they said none."""

    async def names(self, user_ids: frozenset[str]) -> dict[str, str]:
        """The names shown in chats; who has none any more is left out."""

    async def is_person(self, user_id: str) -> bool:
        """Whether this is neither a bot nor an assistant."""

    async def is_reached_by(self, user_id: str, sender_id: str) -> bool:
        """Whether the sender may write to the user directly: neither has blocked the other."""
