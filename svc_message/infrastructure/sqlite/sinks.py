"""`svc_message.domain.outside.sink.SinkPlaces` and `Letters` on SQLite."""

import sqlite3
from collections.abc import Collection
from typing import Any, Final

from mesh.infrastructure.sqlite import Database
from svc_message.domain.outside.sink import MAX_LETTERS, Letter

SINKS: Final = """
    CREATE TABLE sink (name TEXT PRIMARY KEY, place INTEGER NOT NULL) WITHOUT ROWID;

    CREATE TABLE letter (
        id TEXT PRIMARY KEY,
        sink TEXT NOT NULL,
        conversation TEXT NOT NULL,
        seq INTEGER NOT NULL,
        why TEXT NOT NULL,
        tries INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        subject TEXT NOT NULL,
        wished INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID;
    CREATE INDEX letter_of ON letter (sink, id);
    CREATE INDEX letter_wished ON letter (sink) WHERE wished = 1
"""
"""A migration step: how far sinks have been told, and what they refused."""

SAVE: Final = """
    INSERT INTO sink VALUES (?, ?) ON CONFLICT DO UPDATE SET place = max(place, excluded.place)
"""

SELECT: Final = "SELECT id, sink, conversation, seq, why, tries, at_ms, subject FROM letter "

KEEP: Final = "INSERT OR REPLACE INTO letter VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)"


class SqliteSinkPlaces:
    """A row for each sink."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, sink: str) -> int | None:
        """See the port."""
        sql = "SELECT place FROM sink WHERE name = ?"
        row = await self._database.read(lambda connection: connection.execute(sql, (sink,)).fetchone())
        return None if row is None else int(row[0])

    async def save(self, sink: str, place: int) -> None:
        """See the port."""
        await self._database.write(lambda connection: connection.execute(SAVE, (sink, place)))


class SqliteLetters:
    """A row for each letter."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, letter: Letter) -> bool:
        """See the port."""
        return await self._database.write(lambda connection: _keep(connection, letter))

    async def listed(self, sink: str, limit: int, *, after: str = "") -> list[Letter]:
        """See the port."""
        return await self._select("WHERE (sink = ?1 OR ?1 = '') AND id > ?2 ORDER BY id LIMIT ?3", sink, after, limit)

    async def wish(self, ids: Collection[str]) -> int:
        """See the port."""
        return await self._each("UPDATE letter SET wished = 1 WHERE id = ?", ids)

    async def wished(self, sink: str, limit: int) -> list[Letter]:
        """See the port."""
        return await self._select("WHERE sink = ? AND wished = 1 ORDER BY id LIMIT ?", sink, limit)

    async def drop(self, ids: Collection[str]) -> int:
        """See the port."""
        return await self._each("DELETE FROM letter WHERE id = ?", ids)

    async def _select(self, where: str, *values: Any) -> list[Letter]:
        rows = await self._database.read(lambda connection: connection.execute(SELECT + where, values).fetchall())
        return [Letter(*row) for row in rows]

    async def _each(self, sql: str, ids: Collection[str]) -> int:
        values = [(id_,) for id_ in ids]
        return await self._database.write(lambda connection: connection.executemany(sql, values).rowcount)


def _keep(connection: sqlite3.Connection, letter: Letter) -> bool:
    [(others,)] = connection.execute("SELECT count(*) FROM letter WHERE sink = ? AND id <> ?", (letter.sink, letter.id))
    if others >= MAX_LETTERS:
        return False
    values = (letter.id, letter.sink, letter.conversation_id, letter.seq)
    connection.execute(KEEP, (*values, letter.why, letter.tries, letter.at_ms, letter.subject))
    return True
