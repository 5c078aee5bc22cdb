"""`svc_message.domain.erasure.Erasures` on SQLite."""

import sqlite3
from typing import Final

from mesh.infrastructure.sqlite import Database
from svc_message.domain.conversation import UserId

SOME: Final = 200
"""Records of conversations that go in one transaction: what others write does not wait for all of them."""

RECORDS: Final = """
    DELETE FROM own WHERE user = (SELECT key FROM party WHERE id = ?1) AND conversation IN (
        SELECT conversation FROM own WHERE user = (SELECT key FROM party WHERE id = ?1) LIMIT ?2
    )
"""
WAITING: Final = ("DELETE FROM scheduled WHERE user = ?", "DELETE FROM quiet WHERE user = ?")
LOG: Final = (
    "DELETE FROM entry WHERE conversation = (SELECT key FROM conversation WHERE id = ?)",
    "DELETE FROM member WHERE conversation = (SELECT key FROM conversation WHERE id = ?)",
)


class SqliteErasures:
    """Removes rows so that nothing of them stays in the file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def belongings(self, user_id: UserId) -> None:
        """See the port. Messages that wait go first, so that none is sent while the rest goes."""
        await self._erase(WAITING, user_id)
        while await self._erase((RECORDS,), user_id, SOME) == SOME:
            continue
        await self._database.scrub()

    async def personal_log(self, user_id: UserId) -> None:
        """See the port."""
        await self._erase(LOG, user_id)
        await self._database.scrub()

    async def _erase(self, statements: tuple[str, ...], *values: str | int) -> int:
        return await self._database.write(lambda connection: _erase(connection, statements, values))


def _erase(connection: sqlite3.Connection, statements: tuple[str, ...], values: tuple[str | int, ...]) -> int:
    """Overwriting what is deleted costs time, so it is done for this alone and not for every write."""
    connection.execute("PRAGMA secure_delete = ON")
    try:
        return sum(connection.execute(statement, values).rowcount for statement in statements)
    finally:
        connection.execute("PRAGMA secure_delete = OFF")
