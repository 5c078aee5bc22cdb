"""`svc_user.domain.push.PushTargets` on SQLite."""

import sqlite3
from collections import defaultdict
from collections.abc import Collection
from dataclasses import astuple
from typing import Final

from mesh.infrastructure.sqlite import Database
from mesh.infrastructure.sqlite_lists import chunks, marks
from svc_user.domain.account import UserId
from svc_user.domain.push import MAX_TARGETS, PushTarget
from svc_user.domain.session import SessionId

FORGET_OLD: Final = """
    DELETE FROM push_target WHERE user_id = ? AND session_id NOT IN
        (SELECT session_id FROM session WHERE user_id = ? AND ended_at_ms = 0)
"""

LIVE: Final = """
    SELECT push_target.* FROM push_target JOIN session USING (session_id)
    WHERE push_target.user_id IN ({marks}) AND ended_at_ms = 0 AND expires_at_ms > ?
    ORDER BY set_at_ms DESC, session_id
"""


class SqlitePushTargets:
    """A row for each session that has a target. Those of sessions that have ended go with the next one of the user."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, target: PushTarget) -> None:
        """See the port."""
        await self._database.write(lambda connection: _set(connection, target))

    async def remove(self, session_id: SessionId) -> None:
        """See the port."""
        sql = "DELETE FROM push_target WHERE session_id = ?"
        await self._database.write(lambda connection: connection.execute(sql, (session_id,)).rowcount)

    async def forget(self, user_id: UserId, provider: int, token: str) -> None:
        """See the port."""
        sql, values = (
            "DELETE FROM push_target WHERE user_id = ? AND provider = ? AND token = ?",
            (user_id, provider, token),
        )
        await self._database.write(lambda connection: connection.execute(sql, values).rowcount)

    async def of(self, user_ids: Collection[UserId], now_ms: int) -> dict[UserId, list[PushTarget]]:
        """See the port."""
        return await self._database.read(lambda connection: _of(connection, user_ids, now_ms))


def _set(connection: sqlite3.Connection, target: PushTarget) -> None:
    connection.execute(FORGET_OLD, (target.user_id, target.user_id))
    # Replaces the session's older one, and takes the token from whatever session had it.
    connection.execute("INSERT OR REPLACE INTO push_target VALUES (?, ?, ?, ?, ?, ?, ?)", astuple(target))


def _of(connection: sqlite3.Connection, user_ids: Collection[UserId], now_ms: int) -> dict[UserId, list[PushTarget]]:
    found: dict[UserId, list[PushTarget]] = defaultdict(list)
    for some in chunks(user_ids):
        for row in connection.execute(LIVE.format(marks=marks(some)), (*some, now_ms)):
            target = PushTarget(*row)
            found[target.user_id].append(target)
    return {user_id: targets[:MAX_TARGETS] for user_id, targets in found.items()}
