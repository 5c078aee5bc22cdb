"""`svc_message.domain.push.marks.PushMarks` on SQLite."""

import sqlite3
from collections.abc import Collection, Mapping
from typing import Final

from mesh.infrastructure.sqlite import Database
from svc_message.domain.conversation import Seq, UserId
from svc_message.domain.push.marks import PushMark, Told

SCHEMA: Final = """
    CREATE TABLE push_mark (node TEXT PRIMARY KEY, place INTEGER NOT NULL, at_ms INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE push_told (
        user TEXT NOT NULL,
        subject TEXT NOT NULL,
        seq INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        PRIMARY KEY (user, subject)
    ) WITHOUT ROWID;
    CREATE INDEX push_told_at ON push_told (at_ms)
"""
"""A migration step. `push_told.at_ms` is that of the mark with which it was saved."""

MARK: Final = "INSERT OR REPLACE INTO push_mark VALUES (?, ?, ?)"
TOLD: Final = """
    INSERT INTO push_told VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET seq = max(seq, excluded.seq), at_ms = max(at_ms, excluded.at_ms)
"""
FIND: Final = "SELECT seq FROM push_told WHERE user = ? AND subject = ?"


class SqlitePushMarks:
    """A row for each node, and one for each user and what they were told of lately."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, node: str, mark: PushMark, told: Mapping[Told, Seq]) -> None:
        """See the port."""
        await self._database.write(lambda connection: _save(connection, node, mark, told))

    async def all(self) -> dict[str, PushMark]:
        """See the port."""
        sql = "SELECT node, place, at_ms FROM push_mark"
        rows = await self._database.read(lambda connection: connection.execute(sql).fetchall())
        return {node: PushMark(place, at_ms) for node, place, at_ms in rows}

    async def drop(self, node: str, mark: PushMark) -> None:
        """See the port."""
        sql, values = "DELETE FROM push_mark WHERE node = ? AND place = ? AND at_ms = ?", (node, mark.place, mark.at_ms)
        await self._database.write(lambda connection: connection.execute(sql, values).rowcount)

    async def told(self, asked: Collection[Told]) -> dict[Told, Seq]:
        """See the port."""
        return await self._database.read(lambda connection: _find(connection, asked))

    async def forget(self, before_ms: int) -> None:
        """See the port."""
        sql = "DELETE FROM push_told WHERE at_ms < ?"
        await self._database.write(lambda connection: connection.execute(sql, (before_ms,)).rowcount)


def _save(connection: sqlite3.Connection, node: str, mark: PushMark, told: Mapping[Told, Seq]) -> None:
    connection.executemany(TOLD, [(*one, seq, mark.at_ms) for one, seq in told.items()])
    connection.execute(MARK, (node, mark.place, mark.at_ms))


def _find(connection: sqlite3.Connection, asked: Collection[Told]) -> dict[Told, Seq]:
    found = {one: connection.execute(FIND, one).fetchone() for one in asked}
    return {Told(UserId(one.user_id), one.subject): Seq(row[0]) for one, row in found.items() if row is not None}
