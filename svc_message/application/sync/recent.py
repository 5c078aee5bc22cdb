"""The newest entries of conversations, encoded, in memory: most of what a device missed was written lately."""

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from svc_message.domain.conversation import ConversationId, Seq
from svc_message.domain.entry import Row
from svc_message.domain.ports import Span

MAX_ENTRIES: Final = 200
"""Entries kept of one conversation; what is older is read from the store."""

MAX_BYTES: Final = 64 * 1024 * 1024
"""Bytes of all conversations together; beyond it those that were written to least lately go."""

OVERHEAD: Final = 64
"""What an entry costs beside its bytes."""


@dataclass(slots=True)
class _Tail:
    """The end of one log, without a gap: the entries before `following`."""

    following: int
    entries: deque[bytes] = field(default_factory=deque)
    size: int = 0

    @property
    def first(self) -> int:
        """Seq of the oldest entry that is here."""
        return self.following - len(self.entries)


class Recent:
    """The tails of the conversations that were written to lately."""

    def __init__(self, max_bytes: int = MAX_BYTES, max_entries: int = MAX_ENTRIES) -> None:
        self._max_bytes = max_bytes
        self._max_entries = max_entries
        self._tails: OrderedDict[ConversationId, _Tail] = OrderedDict()
        self._bytes = 0

    def appended(self, row: Row) -> None:
        """Take in an entry that is durable, and the tombstones that it puts in place of others."""
        conversation_id, seq = row.draft.conversation_id, row.seq
        tail = self._tails.get(conversation_id)
        if tail is None or seq > tail.following:
            tail = self._begin(conversation_id, seq)
        if seq == tail.following:
            self._push(tail, row.entry)
            self._tails.move_to_end(conversation_id)
        for target, tombstone in row.tombstones:
            self._replace(tail, target, tombstone)
        while self._bytes > self._max_bytes:
            self.drop(next(iter(self._tails)))

    def read(self, span: Span) -> Sequence[bytes] | None:
        """The entries of the span, or None when not all of them are here."""
        tail = self._tails.get(span.conversation_id)
        if tail is None or span.first < tail.first or span.last >= tail.following:
            return None
        return tuple(islice(tail.entries, span.first - tail.first, span.last - tail.first + 1))

    def drop(self, conversation_id: ConversationId) -> None:
        """Forget the tail of one conversation."""
        tail = self._tails.pop(conversation_id, None)
        if tail is not None:
            self._bytes -= tail.size

    def forget(self) -> None:
        """Forget all."""
        self._tails.clear()
        self._bytes = 0

    def _begin(self, conversation_id: ConversationId, first: Seq) -> _Tail:
        self.drop(conversation_id)
        tail = self._tails[conversation_id] = _Tail(first)
        return tail

    def _push(self, tail: _Tail, entry: bytes) -> None:
        tail.following += 1
        tail.entries.append(entry)
        grown = len(entry) + OVERHEAD
        if len(tail.entries) > self._max_entries:
            grown -= len(tail.entries.popleft()) + OVERHEAD
        tail.size += grown
        self._bytes += grown

    def _replace(self, tail: _Tail, seq: Seq, entry: bytes) -> None:
        index = seq - tail.first
        if 0 <= index < len(tail.entries):
            grown = len(entry) - len(tail.entries[index])
            tail.entries[index] = entry
            tail.size += grown
            self._bytes += grown
