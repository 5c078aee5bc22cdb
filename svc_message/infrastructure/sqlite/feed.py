"""`svc_message.domain.outside.sink.Feed` on SQLite: entries by their rowid.

A file has one writer at a time and rows are given the next rowid inside its transaction, so the order of rowids is the
order of commits and nothing appears behind what was read. (VACUUM may number rows anew: never do that to this file.)
"""

import sqlite3
from typing import Any, Final

from mesh.infrastructure.sqlite import Database
from svc_message.domain.entry import EntryKind, Stored

NEXT: Final = """
    SELECT e.rowid, c.id, e.seq, d.id, e.client_message_id, s.id, e.kind, e.sent_at_ms, e.body
    FROM entry e JOIN conversation c ON c.key = e.conversation JOIN party d ON d.key = e.device
    JOIN party s ON s.key = e.sender
    WHERE e.rowid > ? AND e.rowid <= ? ORDER BY e.rowid LIMIT ?
"""

MAX_ROWID: Final = 2**63 - 1


class SqliteFeed:
    """All entries of one file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def end(self) -> int:
        """See the port."""
        return await self._database.read(_end)

    def reader(self, place: int, end: int | None = None) -> "SqliteFeedReader":
        """See the port."""
        return SqliteFeedReader(self._database, place, MAX_ROWID if end is None else end)


class SqliteFeedReader:
    """Reads on from a rowid."""

    def __init__(self, database: Database, place: int, end: int) -> None:
        self._database = database
        self._end = end
        self._place = place

    @property
    def place(self) -> int:
        """See the port."""
        return self._place

    async def read(self, limit: int) -> list[Stored]:
        """See the port."""
        values = (self._place, self._end, limit)
        rows = await self._database.read(lambda connection: connection.execute(NEXT, values).fetchall())
        if rows:
            self._place = rows[-1][0]
        return [_stored(row) for row in rows]


def _end(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(rowid), 0) FROM entry").fetchone()[0])


def _stored(row: tuple[Any, ...]) -> Stored:
    _, conversation_id, seq, device_id, client_message_id, sender_id, kind, sent_at_ms, body = row
    return Stored(conversation_id, seq, device_id, client_message_id, sender_id, EntryKind(kind), sent_at_ms, body)
