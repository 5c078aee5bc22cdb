"""What users used of the model, in SQLite."""

import sqlite3
from typing import Final

from mesh.infrastructure.sqlite import Database
from svc_ai.domain.reply import Usage
from svc_ai.domain.usage import DayUse

STEP: Final = """
    CREATE TABLE usage (
        day INTEGER NOT NULL,
        user_id TEXT NOT NULL,
        requests INTEGER NOT NULL,
        input_tokens INTEGER NOT NULL,
        cached_input_tokens INTEGER NOT NULL,
        output_tokens INTEGER NOT NULL,
        PRIMARY KEY (day, user_id)
    ) WITHOUT ROWID
    """

COST_STEP: Final = "ALTER TABLE usage ADD COLUMN cost_micros INTEGER NOT NULL DEFAULT 0"

_OF: Final = """
    SELECT requests, input_tokens, output_tokens, cached_input_tokens, cost_micros
    FROM usage WHERE day = ? AND user_id = ?
"""
_ADD: Final = """
    INSERT INTO usage (day, user_id, requests, input_tokens, output_tokens, cached_input_tokens, cost_micros)
    VALUES (?, ?, 1, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET
        requests = requests + 1,
        input_tokens = input_tokens + excluded.input_tokens,
        output_tokens = output_tokens + excluded.output_tokens,
        cached_input_tokens = cached_input_tokens + excluded.cached_input_tokens,
        cost_micros = cost_micros + excluded.cost_micros
"""
_FORGET: Final = "DELETE FROM usage WHERE day < ?"


class SqliteUsage:
    """A row for each user and day."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, user_id: str, day: int) -> DayUse:
        """See the port."""

        def work(connection: sqlite3.Connection) -> DayUse:
            row = connection.execute(_OF, (day, user_id)).fetchone()
            if row is None:
                return DayUse()
            requests, read, written, cached, cost = row
            return DayUse(requests, Usage(read, written, cached, cost_micros=cost))

        return await self._database.read(work)

    async def add(self, user_id: str, day: int, usage: Usage) -> None:
        """See the port."""
        used = (usage.input_tokens, usage.output_tokens, usage.cached_input_tokens, usage.cost_micros)
        row = (day, user_id, *used)

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(_ADD, row)

        await self._database.write(work)

    async def forget_before(self, day: int) -> None:
        """See the port."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(_FORGET, (day,))

        await self._database.write(work)
