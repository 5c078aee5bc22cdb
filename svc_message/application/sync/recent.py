"""The newest entries of all conversations, encoded, in memory: most of what a device missed was written lately."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from svc_message.domain.conversation import ConversationId, Seq
from svc_message.domain.entry import Row
from svc_message.domain.ports import Span

MAX_SPAN: Final = 200
"""Entries that are read at once; a longer span is read from the store, by pages."""

MAX_BYTES: Final = 64 * 1024 * 1024
"""Bytes of all entries together; beyond it the oldest go."""

OVERHEAD: Final = 256
"""What an entry costs beside its bytes, when no other one of its conversation stands near it."""

SEGMENTS: Final = 128
"""Pieces in which the oldest entries go, and so many are looked through for an entry."""

Run = tuple[int, list[bytes]]
"""Entries of one conversation, one after the other, and the seq of the first."""


@dataclass(slots=True)
class _Segment:
    """What was written in one stretch of time."""

    runs: dict[ConversationId, Run] = field(default_factory=dict)
    size: int = 0


class Recent:
    """What was written lately, by time: to write one more touches nothing but what was written just before.

    A list for each conversation would be nearer to those who read. But each entry is written, few are read, and with a
    hundred thousand conversations each of these lists is far away when the next entry comes: 2.6 µs against 0.9.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._max_segment = max_bytes // SEGMENTS
        self._newest = _Segment()
        self._segments = deque([self._newest])
        self._bytes = 0

    def appended(self, row: Row) -> None:
        """Take in an entry that is durable, and the tombstones that it puts in place of others."""
        runs, conversation_id, seq = self._newest.runs, row.draft.conversation_id, row.seq
        run = runs.get(conversation_id)
        if run is not None and run[0] + len(run[1]) == seq:
            run[1].append(row.entry)
        else:
            runs[conversation_id] = (seq, [row.entry])
        size = len(row.entry) + OVERHEAD
        self._newest.size += size
        self._bytes += size
        for target, tombstone in row.tombstones:
            self._replace(conversation_id, target, tombstone)
        if self._newest.size > self._max_segment:
            self._begin()

    def read(self, span: Span) -> Sequence[bytes] | None:
        """The entries of the span, or None when not all of them are here."""
        if span.last - span.first >= MAX_SPAN:
            return None
        found, last = list[list[bytes]](), span.last
        for segment in reversed(self._segments):
            first, entries = segment.runs.get(span.conversation_id, NOTHING)
            if not entries:
                continue
            if first + len(entries) <= last:
                return None
            found.append(entries[max(span.first - first, 0) : max(last - first + 1, 0)])
            last = min(first - 1, last)
            if last < span.first:
                return [entry for some in reversed(found) for entry in some]
        return None

    def drop(self, conversation_id: ConversationId) -> None:
        """Forget what was written in one conversation; the room that it took is free when its stretch of time goes."""
        for segment in self._segments:
            segment.runs.pop(conversation_id, None)

    def forget(self) -> None:
        """Forget all."""
        self._newest = _Segment()
        self._segments = deque([self._newest])
        self._bytes = 0

    def _begin(self) -> None:
        """Begin a stretch of time; those of longest ago go."""
        self._newest = _Segment()
        self._segments.append(self._newest)
        while self._bytes > self._max_bytes:
            self._bytes -= self._segments.popleft().size

    def _replace(self, conversation_id: ConversationId, seq: Seq, entry: bytes) -> None:
        for segment in self._segments:
            first, entries = segment.runs.get(conversation_id, NOTHING)
            if 0 <= seq - first < len(entries):
                entries[seq - first] = entry


NOTHING: Final[Run] = (0, [])
