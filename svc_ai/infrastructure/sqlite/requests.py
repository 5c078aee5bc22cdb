"""What requests were answered, in SQLite."""

import sqlite3
from typing import Final

from mesh.infrastructure.sqlite import Database
from svc_ai.domain.requests import KEPT_MS, Answered, Request

STEP: Final = """
    CREATE TABLE requests (
        user_id TEXT NOT NULL,
        request_id TEXT NOT NULL,
        digest BLOB NOT NULL,
        answer BLOB NOT NULL,
        at_ms INTEGER NOT NULL,
        PRIMARY KEY (user_id, request_id)
    ) WITHOUT ROWID;
    CREATE INDEX requests_at ON requests (at_ms)
    """

_FIND: Final = "SELECT digest, answer, at_ms FROM requests WHERE user_id = ? AND request_id = ? AND at_ms > ?"


class SqliteRequests:
    """`svc_ai.domain.requests.Requests`: a row for each."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, user_id: str, request_id: str, now_ms: int) -> Answered | None:
        """See the port."""
        return await self._database.read(lambda connection: _find(connection, user_id, request_id, now_ms))

    async def keep(self, answered: Answered) -> Answered:
        """See the port."""
        request, at_ms = answered.request, answered.at_ms
        row = (request.user_id, request.request_id, request.digest, answered.answer, at_ms)

        def work(connection: sqlite3.Connection) -> Answered:
            connection.execute("DELETE FROM requests WHERE at_ms <= ?", (at_ms - KEPT_MS,))
            connection.execute("INSERT OR IGNORE INTO requests VALUES (?, ?, ?, ?, ?)", row)
            return _find(connection, request.user_id, request.request_id, at_ms) or answered

        return await self._database.write(work)


def _find(connection: sqlite3.Connection, user_id: str, request_id: str, now_ms: int) -> Answered | None:
    row = connection.execute(_FIND, (user_id, request_id, now_ms - KEPT_MS)).fetchone()
    return Answered(Request(user_id, request_id, row[0]), row[1], row[2]) if row else None
