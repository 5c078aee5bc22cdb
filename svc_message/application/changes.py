"""What changes a post: it goes where the post goes."""

from collections.abc import Iterable
from typing import Final

from svc_message.domain.conversation import ConversationId
from svc_message.domain.entry import EntryKind, Stored
from svc_message.domain.ports import Log

PAGE: Final = 500
"""Changes that are read at a time."""


async def edits_of(log: Log, conversation_id: ConversationId, seq: int) -> list[Stored]:
    """All edits of a post whose words are still there."""
    edits: list[Stored] = []
    after = seq
    while later := await log.amendments(conversation_id, seq, seq, PAGE, after=after):
        edits += (stored for stored in later if stored.kind is EntryKind.EDIT)
        after = later[-1].seq
    return edits


async def changes_of(log: Log, conversation_id: ConversationId, seqs: Iterable[int], limit: int = PAGE) -> set[int]:
    """Seqs of what changes these posts: edits, recalls and pins, at most `limit` in all."""
    found: set[int] = set()
    for seq in sorted(seqs):
        if len(found) < limit:
            later = await log.amendments(conversation_id, seq, seq, limit - len(found))
            found.update(stored.seq for stored in later)
    return found
