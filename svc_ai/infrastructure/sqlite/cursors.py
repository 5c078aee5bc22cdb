"""The cursors in SQLite."""

import sqlite3
from typing import Final

from mesh.infrastructure.sqlite import Database
from svc_ai.domain.ports import Cursor

STEP: Final = """
    CREATE TABLE cursors (
        assistant_id TEXT NOT NULL,
        conversation_id TEXT NOT NULL,
        seq INTEGER NOT NULL,
        begun_seq INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        moved INTEGER NOT NULL,
        PRIMARY KEY (assistant_id, conversation_id)
    ) WITHOUT ROWID;
    CREATE INDEX cursors_moved ON cursors (assistant_id, moved DESC)
    """

_LOAD: Final = "SELECT seq, begun_seq, attempts FROM cursors WHERE assistant_id = ? AND conversation_id = ?"
_NEWEST: Final = (
    "SELECT assistant_id, conversation_id, seq, begun_seq, attempts FROM cursors "
    "WHERE assistant_id = ? ORDER BY moved DESC LIMIT ?"
)
# `moved` counts up over all cursors of the assistant: an order of movement that no clock can disturb.
_SAVE: Final = """
    INSERT INTO cursors VALUES (?1, ?2, ?3, ?4, ?5,
        1 + coalesce((SELECT max(moved) FROM cursors WHERE assistant_id = ?1), 0))
    ON CONFLICT DO UPDATE
    SET seq = excluded.seq, begun_seq = excluded.begun_seq, attempts = excluded.attempts, moved = excluded.moved
    WHERE excluded.seq >= cursors.seq
"""


class SqliteCursors:
    """Keeps the cursors of all assistants in one table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, assistant_id: str, conversation_id: str) -> Cursor:
        """The cursor, at the very beginning when there is none."""

        def work(connection: sqlite3.Connection) -> Cursor:
            row = connection.execute(_LOAD, (assistant_id, conversation_id)).fetchone()
            return Cursor(assistant_id, conversation_id, *(row or ()))

        return await self._database.read(work)

    async def newest(self, assistant_id: str, limit: int) -> list[Cursor]:
        """The cursors that were moved last."""

        def work(connection: sqlite3.Connection) -> list[Cursor]:
            return [Cursor(*row) for row in connection.execute(_NEWEST, (assistant_id, limit))]

        return await self._database.read(work)

    async def save(self, cursor: Cursor) -> None:
        """Keep the cursor durably, unless it lies before the kept one."""
        row = (cursor.assistant_id, cursor.conversation_id, cursor.seq, cursor.begun_seq, cursor.attempts)

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(_SAVE, row)

        await self._database.write(work)
