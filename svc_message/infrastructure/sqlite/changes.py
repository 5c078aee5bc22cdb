"""`svc_message.domain.posts.changes.Changes` on SQLite."""

import sqlite3
from collections.abc import Collection
from typing import Any, Final

from mesh.infrastructure.sqlite import Database
from mesh.infrastructure.sqlite_lists import chunks, marks
from svc_message.domain.conversation import ConversationId, Seq
from svc_message.domain.entry import EntryKind, Stored
from svc_message.domain.posts.changes import PostSpan
from svc_message.infrastructure.sqlite.log import SELECT, stored_of
from svc_message.infrastructure.sqlite.runs import MAX_SEQ

ABOUT: Final = """WHERE c.id = ? AND e.target BETWEEN ? AND ? AND e.target > 0 AND e.seq > ? AND e.kind = ?
    ORDER BY e.seq LIMIT ?"""

LATEST: Final = """WHERE c.id = ? AND e.seq IN (
        SELECT max(seq) FROM entry
        WHERE conversation = (SELECT key FROM conversation WHERE id = ?) AND target BETWEEN ? AND ? AND target > 0
            AND seq <= ? AND kind IN ({kinds}) GROUP BY target, kind
    ) ORDER BY e.seq"""
"""No body is read but those that are answered."""

EDITS: Final = """
    SELECT count(*) FROM entry
    WHERE conversation = (SELECT key FROM conversation WHERE id = ?) AND target = ? AND target > 0 AND kind = ?
"""

PINS: Final = "WHERE c.id = ? AND e.kind = 5 AND e.seq > ? ORDER BY e.seq LIMIT ?"
"""The kind stands in the text, so that the index of pins is used."""

NEXT: Final = "SELECT seq, sent_at_ms FROM entry WHERE conversation = ? AND seq >= ? ORDER BY seq LIMIT 1"


class SqliteChanges:
    """What changes posts, from the one table of entries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def about(
        self, conversation_id: ConversationId, first: int, last: int, kind: EntryKind, *, after: int, limit: int
    ) -> list[Stored]:
        """See the port."""
        return await self._select(ABOUT, (conversation_id, first, _seq(last), after, int(kind), limit))

    async def latest(
        self, conversation_id: ConversationId, first: int, last: int, kinds: Collection[EntryKind], *, up_to: int
    ) -> list[Stored]:
        """See the port."""
        where = LATEST.format(kinds=marks(kinds))
        values = (conversation_id, conversation_id, first, _seq(last), _seq(up_to), *map(int, kinds))
        return await self._select(where, values)

    async def edits(self, conversation_id: ConversationId, target: int) -> int:
        """See the port."""
        values = (conversation_id, target, int(EntryKind.EDIT))
        row = await self._database.read(lambda connection: connection.execute(EDITS, values).fetchone())
        return int(row[0])

    async def pins(self, conversation_id: ConversationId, *, after: int, limit: int) -> list[Stored]:
        """See the port."""
        return await self._select(PINS, (conversation_id, after, limit))

    async def at(self, conversation_id: ConversationId, seqs: Collection[int]) -> dict[Seq, Stored]:
        """See the port."""
        wanted = [seq for seq in seqs if seq <= MAX_SEQ]
        found = await self._database.read(
            lambda connection: [row for some in chunks(wanted) for row in _at(connection, conversation_id, some)]
        )
        return {stored.seq: stored for stored in map(stored_of, found)}

    async def first_since(self, conversation_id: ConversationId, time_ms: int, first: int, last: int) -> Seq:
        """See the port."""
        return await self._database.read(
            lambda connection: _first_since(connection, conversation_id, time_ms, first, last)
        )

    async def posts(self, span: PostSpan, limit: int, *, descending: bool = False) -> list[Stored]:
        """See the port."""
        where = f"""WHERE c.id = ? AND e.seq BETWEEN ? AND ? AND e.kind = ? AND (? = '' OR s.id = ?)
            ORDER BY e.seq {"DESC" if descending else "ASC"} LIMIT ?"""
        id_, first, last, sender_id = span
        return await self._select(where, (id_, first, _seq(last), int(EntryKind.POST), sender_id, sender_id, limit))

    async def _select(self, where: str, values: tuple[Any, ...]) -> list[Stored]:
        rows = await self._database.read(lambda connection: connection.execute(SELECT + where, values).fetchall())
        return [stored_of(row) for row in rows]


def _seq(seq: int) -> int:
    return min(seq, MAX_SEQ)


def _at(connection: sqlite3.Connection, conversation_id: ConversationId, some: list[int]) -> list[tuple[Any, ...]]:
    where = f"WHERE c.id = ? AND e.seq IN ({marks(some)})"
    return connection.execute(SELECT + where, (conversation_id, *some)).fetchall()


def _first_since(
    connection: sqlite3.Connection, conversation_id: ConversationId, time_ms: int, first: int, last: int
) -> Seq:
    row = connection.execute("SELECT key FROM conversation WHERE id = ?", (conversation_id,)).fetchone()
    low, high = first, last + 1
    while row and low < high:
        middle = (low + high) // 2
        found = connection.execute(NEXT, (row[0], middle)).fetchone()
        if found is None or found[0] >= high or found[1] >= time_ms:
            high = middle
        else:
            low = found[0] + 1
    return Seq(low if row else last + 1)
