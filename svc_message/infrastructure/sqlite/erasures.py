"""`svc_message.domain.erasure.Erasures` on SQLite."""

import sqlite3
from typing import Final

from mesh.infrastructure.sqlite import Database
from svc_message.domain.conversation import UserId

STATEMENTS: Final = (
    "DELETE FROM entry WHERE conversation = (SELECT key FROM conversation WHERE id = ?)",
    "DELETE FROM member WHERE conversation = (SELECT key FROM conversation WHERE id = ?)",
)


class SqliteErasures:
    """Removes rows so that nothing of them stays in the file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def personal_log(self, user_id: UserId) -> None:
        """See the port."""
        await self._database.write(lambda connection: _erase(connection, user_id))
        await self._database.scrub()


def _erase(connection: sqlite3.Connection, user_id: UserId) -> None:
    """Overwriting what is deleted costs time, so it is done for this alone and not for every write."""
    connection.execute("PRAGMA secure_delete = ON")
    try:
        for statement in STATEMENTS:
            connection.execute(statement, (user_id,))
    finally:
        connection.execute("PRAGMA secure_delete = OFF")
