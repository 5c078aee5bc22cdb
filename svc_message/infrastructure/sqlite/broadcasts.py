"""`svc_message.domain.administration.broadcast.Broadcasts` on SQLite."""

import sqlite3
from typing import Any, Final

from mesh.infrastructure.sqlite import Database
from svc_message.domain.administration.broadcast import Broadcast, BroadcastState

SCHEMA: Final = """
    CREATE TABLE broadcast (
        broadcast_id TEXT PRIMARY KEY,
        request TEXT NOT NULL UNIQUE,
        text TEXT NOT NULL,
        admin_id TEXT NOT NULL,
        created_at_ms INTEGER NOT NULL,
        state INTEGER NOT NULL,
        reached TEXT NOT NULL,
        written INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX broadcast_running ON broadcast (broadcast_id) WHERE state = 1
"""
"""A migration step."""


class SqliteBroadcasts:
    """A row for each broadcast."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, broadcast: Broadcast) -> Broadcast:
        """See the port."""
        return await self._database.write(lambda connection: _add(connection, broadcast))

    async def latest(self, limit: int) -> list[Broadcast]:
        """See the port."""
        return await self._select("ORDER BY broadcast_id DESC LIMIT ?", limit)

    async def get(self, broadcast_id: str) -> Broadcast | None:
        """See the port."""
        found = await self._select("WHERE broadcast_id = ?", broadcast_id)
        return found[0] if found else None

    async def running(self) -> list[Broadcast]:
        """See the port."""
        return await self._select("WHERE state = 1 ORDER BY broadcast_id")

    async def advance(self, before: Broadcast, after: Broadcast) -> bool:
        """See the port."""
        sql = """UPDATE broadcast SET state = ?, reached = ?, written = ?
            WHERE broadcast_id = ? AND state = 1 AND reached = ?"""
        values = (int(after.state), after.reached, after.written, before.broadcast_id, before.reached)
        return await self._database.write(lambda connection: connection.execute(sql, values).rowcount == 1)

    async def _select(self, where: str, *values: Any) -> list[Broadcast]:
        sql = f"SELECT * FROM broadcast {where}"  # noqa: S608 - words of this file only
        rows = await self._database.read(lambda connection: connection.execute(sql, values).fetchall())
        return [_broadcast(row) for row in rows]


def _add(connection: sqlite3.Connection, new: Broadcast) -> Broadcast:
    row = connection.execute("SELECT * FROM broadcast WHERE request = ?", (new.request,)).fetchone()
    if row is not None:
        return _broadcast(row)
    head = (new.broadcast_id, new.request, new.text, new.admin_id, new.created_at_ms)
    values = (*head, int(new.state), new.reached, new.written)
    connection.execute("INSERT INTO broadcast VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
    return new


def _broadcast(row: tuple[Any, ...]) -> Broadcast:
    broadcast_id, request, text, admin_id, created_at_ms, state, reached, written = row
    return Broadcast(broadcast_id, request, text, admin_id, created_at_ms, BroadcastState(state), reached, written)
