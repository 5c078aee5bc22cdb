"""`svc_message.domain.media.estate.Estates` on SQLite."""

import json
import sqlite3
from typing import Any, Final

from mesh.infrastructure.sqlite import Database
from svc_message.domain.conversation import UserId
from svc_message.domain.media.estate import Estate
from svc_message.domain.media.file import Media
from svc_message.infrastructure.media.documents import document_of
from svc_message.infrastructure.sqlite.media import SELECT, media_of_row

ESTATES: Final = """
    CREATE TABLE estate (user TEXT PRIMARY KEY, due_at_ms INTEGER NOT NULL, last INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX estate_due ON estate (due_at_ms)
"""
"""The step of the schema."""

ERASE: Final = """
    UPDATE media SET
        request_id = ?, state = ?, due_at_ms = ?, revision = ?, charged = ?, sha256 = ?, about = ?, kind = 0
    WHERE id = ? AND revision = ?
"""


class SqliteEstates:
    """A row for each estate."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, estate: Estate) -> None:
        """See the port."""
        values = (estate.user_id, estate.due_at_ms, int(estate.last))
        await self._write("INSERT OR REPLACE INTO estate VALUES (?, ?, ?)", *values)

    async def due(self, now_ms: int, limit: int) -> list[Estate]:
        """See the port."""
        sql = "SELECT user, due_at_ms, last FROM estate WHERE due_at_ms <= ? ORDER BY due_at_ms LIMIT ?"
        rows = await self._database.read(lambda connection: connection.execute(sql, (now_ms, limit)).fetchall())
        return [Estate(UserId(user), due_at_ms, bool(last)) for user, due_at_ms, last in rows]

    async def close(self, estate: Estate) -> None:
        """See the port."""
        values = (estate.user_id, estate.due_at_ms, int(estate.last))
        await self._write("DELETE FROM estate WHERE user = ? AND due_at_ms = ? AND last = ?", *values)

    async def leavings(self, user_id: UserId, after: str, limit: int) -> list[Media]:
        """See the port."""
        sql = SELECT + "WHERE owner = ? AND request_id > ? ORDER BY request_id LIMIT ?"
        values = (user_id, after, limit)
        rows = await self._database.read(lambda connection: connection.execute(sql, values).fetchall())
        return [media_of_row(row) for row in rows]

    async def erase(self, media: Media) -> bool:
        """See the port."""
        values = (
            media.request_id,
            int(media.state),
            media.due_at_ms,
            media.revision + 1,
            media.charged,
            media.claim.sha256,
            json.dumps(document_of(media)),
        )
        return bool(
            await self._database.write(lambda connection: _erase(connection, values, media.media_id, media.revision))
        )

    async def scrub(self) -> None:
        """See the port."""
        await self._database.scrub()

    async def _write(self, sql: str, *values: Any) -> None:
        await self._database.write(lambda connection: connection.execute(sql, values).rowcount)


def _erase(connection: sqlite3.Connection, values: tuple[Any, ...], media_id: str, revision: int) -> int:
    """Overwriting what was there costs time, so it is done for this alone and not for every write."""
    connection.execute("PRAGMA secure_delete = ON")
    try:
        return connection.execute(ERASE, (*values, media_id, revision)).rowcount
    finally:
        connection.execute("PRAGMA secure_delete = OFF")
