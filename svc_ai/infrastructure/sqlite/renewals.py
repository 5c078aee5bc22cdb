"""Answers that were asked for anew, in SQLite."""

import sqlite3
from typing import Any, Final

from mesh.infrastructure.sqlite import Database
from svc_ai.domain.renewal import Renewal

STEP: Final = """
    CREATE TABLE renewals (
        assistant_id TEXT NOT NULL,
        conversation_id TEXT NOT NULL,
        seq INTEGER NOT NULL,
        number INTEGER NOT NULL,
        asked_by TEXT NOT NULL,
        request_id TEXT NOT NULL,
        held_until_ms INTEGER NOT NULL,
        tries INTEGER NOT NULL,
        done INTEGER NOT NULL,
        PRIMARY KEY (assistant_id, conversation_id, seq)
    ) WITHOUT ROWID;
    CREATE INDEX renewals_open ON renewals (held_until_ms) WHERE done = 0
    """

_COLUMNS: Final = "assistant_id, conversation_id, seq, number, asked_by, request_id, held_until_ms, tries, done"
_ONE: Final = "assistant_id = ? AND conversation_id = ? AND seq = ?"
_TRY: Final = f"{_ONE} AND number = ? AND tries = ? AND done = 0"

_FIND: Final = f"SELECT {_COLUMNS} FROM renewals WHERE {_ONE}"  # noqa: S608  made of constants
_LEFT: Final = f"SELECT {_COLUMNS} FROM renewals WHERE done = 0 AND held_until_ms <= ? ORDER BY held_until_ms LIMIT ?"  # noqa: S608  made of constants
_BEGIN: Final = """
    INSERT INTO renewals VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0)
    ON CONFLICT DO UPDATE
    SET number = ?4, asked_by = ?5, request_id = ?6, held_until_ms = ?7, tries = ?8, done = 0
    WHERE renewals.done = 1 AND renewals.number = ?4 - 1
"""
_TAKE: Final = f"UPDATE renewals SET held_until_ms = ?, tries = tries + 1 WHERE {_TRY}"  # noqa: S608  made of constants
_HOLD: Final = f"UPDATE renewals SET held_until_ms = ? WHERE {_TRY}"  # noqa: S608  made of constants
_END: Final = f"UPDATE renewals SET done = 1 WHERE {_ONE} AND number = ?"  # noqa: S608  made of constants


class SqliteRenewals:
    """`svc_ai.domain.renewal.Renewals`: a row for each question."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, assistant_id: str, conversation_id: str, seq: int) -> Renewal | None:
        """See the port."""

        def work(connection: sqlite3.Connection) -> Renewal | None:
            row = connection.execute(_FIND, (assistant_id, conversation_id, seq)).fetchone()
            return _renewal(row) if row else None

        return await self._database.read(work)

    async def begin(self, renewal: Renewal) -> bool:
        """See the port."""
        act = (renewal.number, renewal.asked_by, renewal.request_id, renewal.held_until_ms, renewal.tries)
        return await self._change(_BEGIN, (*_one(renewal), *act))

    async def take(self, renewal: Renewal, held_until_ms: int) -> bool:
        """See the port."""
        return await self._change(_TAKE, (held_until_ms, *_one(renewal), renewal.number, renewal.tries))

    async def hold(self, renewal: Renewal, held_until_ms: int) -> None:
        """See the port."""
        await self._change(_HOLD, (held_until_ms, *_one(renewal), renewal.number, renewal.tries))

    async def end(self, renewal: Renewal) -> None:
        """See the port."""
        await self._change(_END, (*_one(renewal), renewal.number))

    async def left(self, now_ms: int, limit: int) -> list[Renewal]:
        """See the port."""

        def work(connection: sqlite3.Connection) -> list[Renewal]:
            return [_renewal(row) for row in connection.execute(_LEFT, (now_ms, limit))]

        return await self._database.read(work)

    async def _change(self, statement: str, values: tuple[str | int, ...]) -> bool:
        return await self._database.write(lambda connection: connection.execute(statement, values).rowcount > 0)


def _one(renewal: Renewal) -> tuple[str, str, int]:
    return renewal.assistant_id, renewal.conversation_id, renewal.seq


def _renewal(row: tuple[Any, ...]) -> Renewal:
    assistant_id, conversation_id, seq, number, asked_by, request_id, held_until_ms, tries, done = row
    key = (assistant_id, conversation_id, seq)
    return Renewal(*key, number, asked_by, request_id, held_until_ms, tries, bool(done))
