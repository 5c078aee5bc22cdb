"""`svc_user.domain.deletion.Deletions` on SQLite."""

import sqlite3
from collections.abc import Sequence
from dataclasses import astuple
from typing import Final

from mesh.infrastructure.sqlite import Database
from mesh.session_end import SessionEnd
from svc_user.domain.account import Account, UserId
from svc_user.domain.deletion import erased
from svc_user.domain.ports import Stale
from svc_user.domain.session import Session
from svc_user.infrastructure.sqlite.sessions import LIVE, session_of_row

ERASE: Final = """
    UPDATE account SET state = ?, password_hash = '', privacy = '{}', version = ?, display_name = ?,
        avatar_media_id = ?, bio = ?, birthday = ?, locale = ?, region = ?, pronouns = ?
    WHERE user_id = ? AND version = ? AND state = ?
"""

END_ALL: Final = "UPDATE session SET ended_at_ms = ?, ended_why = ? WHERE user_id = ? AND ended_at_ms = 0"


class SqliteDeletions:
    """A row for each account of which something is left elsewhere."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, before: Account, at_ms: int) -> Sequence[Session]:
        """See the port."""
        return await self._database.write(lambda connection: _begin(connection, before, at_ms))

    async def pending(self, limit: int) -> list[UserId]:
        """See the port."""
        sql = "SELECT user_id FROM deletion ORDER BY at_ms LIMIT ?"
        rows = await self._database.read(lambda connection: connection.execute(sql, (limit,)).fetchall())
        return [UserId(row[0]) for row in rows]

    async def done(self, user_id: UserId) -> None:
        """See the port."""
        sql = "DELETE FROM deletion WHERE user_id = ?"
        await self._database.write(lambda connection: connection.execute(sql, (user_id,)).rowcount)


def _begin(connection: sqlite3.Connection, before: Account, at_ms: int) -> Sequence[Session]:
    after = erased(before)
    values = (int(after.state), after.version, *astuple(after.profile))
    erasing = connection.execute(ERASE, (*values, before.user_id, before.version, int(before.state)))
    if erasing.rowcount != 1:
        raise Stale
    live = [session_of_row(row) for row in connection.execute(LIVE, (before.user_id, at_ms))]
    connection.execute(END_ALL, (at_ms, int(SessionEnd.ACCOUNT_DELETED), before.user_id))
    connection.execute("DELETE FROM push_target WHERE user_id = ?", (before.user_id,))
    connection.execute("INSERT OR IGNORE INTO deletion VALUES (?, ?)", (before.user_id, at_ms))
    return live
