"""How long entries are kept, and which of them go."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from svc_message.domain.conversation import ConversationId, Seq
from svc_message.domain.entry import EntryKind, Stored

DAY_MS: Final = 86_400_000

MAX_REMOVED: Final = 500
"""Entries that go from one conversation at a time; the rest goes the next time."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A conversation whose entries are kept for some days. Only such are listed whose first ones may go by now."""

    conversation_id: ConversationId
    days: int

    def limit_ms(self, now_ms: int) -> int:
        """Entries that were sent before this go."""
        return now_ms - self.days * DAY_MS


def last_to_go(oldest: Sequence[Stored], before_ms: int) -> Stored | None:
    """The newest of the oldest entries that go: all up to the first one that stays. None when nothing is to be done.

    The last one that went stands for all before it and stays in its place, so a log never comes to be without its head.
    """
    last = None
    for stored in oldest:
        if stored.sent_at_ms >= before_ms:
            break
        last = stored
    return None if last is None or last.kind is EntryKind.CUT else last


class Retentions(Protocol):
    """How long entries are kept: set by the append of an entry that says so. And their removal."""

    async def days(self, ids: Collection[ConversationId]) -> dict[ConversationId, int]:
        """For how many days each conversation keeps its entries; those that keep them for ever are left out."""

    async def due(self, now_ms: int, after: str, limit: int) -> list[Kept]:
        """Conversations in which entries may go, so many days after it was set: by their ids, from `after` on."""

    async def cut(self, conversation_id: ConversationId, seq: Seq, entry: bytes) -> None:
        """Put the encoded entry, a Cut, in the place `seq` and remove all entries before it, durably.

        From then on nobody sees anything before it. Doing it again, or a part of it, changes nothing.
        """
