"""The newest entries of all conversations, encoded, in memory: most of what a device missed was written lately."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from svc_message.domain.conversation import ConversationId, Seq
from svc_message.domain.entry import Row
from svc_message.domain.ports import Span

MAX_ENTRIES: Final = 200
"""Entries kept of one conversation; what is older is read from the store."""

MAX_BYTES: Final = 64 * 1024 * 1024
"""Bytes of all conversations together; beyond it the oldest entries go."""

OVERHEAD: Final = 128
"""What an entry costs beside its bytes, with a share of what a conversation costs."""


@dataclass(slots=True)
class _Tail:
    """The end of one log, without a gap: the entries before `following`.

    A list and not a deque, which takes 600 bytes when it is nearly empty.
    """

    conversation_id: ConversationId
    following: int
    entries: list[bytes] = field(default_factory=list)
    turns: int = 0
    """How often it stands in the order of all entries: once for each that is here, and for some that have gone."""

    @property
    def first(self) -> int:
        """Seq of the oldest entry that is here."""
        return self.following - len(self.entries)


class Recent:
    """The tails of the conversations that were written to lately."""

    def __init__(self, max_bytes: int = MAX_BYTES, max_entries: int = MAX_ENTRIES) -> None:
        self._max_bytes = max_bytes
        self._max_entries = max_entries
        self._tails: dict[ConversationId, _Tail] = {}
        self._order: deque[_Tail] = deque()
        self._max_order = max_bytes // OVERHEAD
        self._bytes = 0

    def appended(self, row: Row) -> None:
        """Take in an entry that is durable, and the tombstones that it puts in place of others."""
        conversation_id, seq = row.draft.conversation_id, row.seq
        tail = self._tails.get(conversation_id)
        if tail is None or seq > tail.following:
            tail = self._begin(conversation_id, seq)
        if seq == tail.following:
            self._push(tail, row.entry)
        for target, tombstone in row.tombstones:
            self._replace(tail, target, tombstone)
        while self._bytes > self._max_bytes or len(self._order) > self._max_order:
            self._forget_oldest()

    def read(self, span: Span) -> Sequence[bytes] | None:
        """The entries of the span, or None when not all of them are here."""
        tail = self._tails.get(span.conversation_id)
        if tail is None or span.first < tail.first or span.last >= tail.following:
            return None
        return tail.entries[span.first - tail.first : span.last - tail.first + 1]

    def drop(self, conversation_id: ConversationId) -> None:
        """Forget the tail of one conversation."""
        tail = self._tails.pop(conversation_id, None)
        if tail is not None:
            self._bytes -= sum([len(entry) + OVERHEAD for entry in tail.entries])
            tail.entries = []

    def forget(self) -> None:
        """Forget all."""
        self._tails.clear()
        self._order.clear()
        self._bytes = 0

    def _begin(self, conversation_id: ConversationId, first: Seq) -> _Tail:
        self.drop(conversation_id)
        tail = self._tails[conversation_id] = _Tail(conversation_id, first)
        return tail

    def _push(self, tail: _Tail, entry: bytes) -> None:
        tail.following += 1
        tail.entries.append(entry)
        tail.turns += 1
        self._order.append(tail)
        self._bytes += len(entry) + OVERHEAD
        if len(tail.entries) > self._max_entries:
            self._shorten(tail)

    def _forget_oldest(self) -> None:
        tail = self._order.popleft()
        tail.turns -= 1
        if len(tail.entries) > tail.turns:  # else its entry of that turn has gone before
            self._shorten(tail)
            if not tail.entries:
                del self._tails[tail.conversation_id]

    def _shorten(self, tail: _Tail) -> None:
        self._bytes -= len(tail.entries.pop(0)) + OVERHEAD

    def _replace(self, tail: _Tail, seq: Seq, entry: bytes) -> None:
        index = seq - tail.first
        if 0 <= index < len(tail.entries):
            self._bytes += len(entry) - len(tail.entries[index])
            tail.entries[index] = entry
