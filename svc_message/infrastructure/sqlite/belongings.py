"""`svc_message.domain.belongings.Belongings` on SQLite."""

import sqlite3
from typing import Final

from mesh.infrastructure.sqlite import Database
from svc_message.domain.conversation import UserId

SOME: Final = 200
"""Records of conversations that go in one transaction: what others write does not wait for all of them."""

SCHEDULED: Final = "DELETE FROM scheduled WHERE user = ?"
QUIET: Final = "DELETE FROM quiet WHERE user = ?"
OWN: Final = """
    DELETE FROM own WHERE user = (SELECT key FROM party WHERE id = ?1) AND conversation IN (
        SELECT conversation FROM own WHERE user = (SELECT key FROM party WHERE id = ?1) LIMIT ?2
    )
"""


class SqliteBelongings:
    """Rows of three tables. Messages that wait go first, so that none is sent while the rest goes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def forget(self, user_id: UserId) -> None:
        """See the port."""
        await self._database.write(lambda connection: _forget_all_but_records(connection, user_id))
        while await self._database.write(lambda connection: connection.execute(OWN, (user_id, SOME)).rowcount) == SOME:
            continue


def _forget_all_but_records(connection: sqlite3.Connection, user_id: UserId) -> None:
    for sql in (SCHEDULED, QUIET):
        connection.execute(sql, (user_id,))
