"""`svc_message.domain.own.Owns` and `svc_message.domain.push.quiet.QuietStore` on SQLite."""

import json
import sqlite3
from dataclasses import replace
from typing import Any, Final

from mesh.infrastructure.sqlite import Database
from mesh.infrastructure.sqlite_lists import chunks, marks
from svc_message.domain.conversation import ConversationId, UserId
from svc_message.domain.own import Own
from svc_message.domain.push.quiet import QuietHours
from svc_message.infrastructure.records import hours_of, hours_to, own_of, rest_of, veil_of

SELECT: Final = """
    SELECT u.id, c.id, o.version, o.muted_until_ms, o.tell_at_ms, o.cleared_seq, o.hidden, o.rest
    FROM own o JOIN party u ON u.key = o.user JOIN conversation c ON c.key = o.conversation
"""

MAKE: Final = """
    INSERT INTO own (version, muted_until_ms, tell_at_ms, cleared_seq, hidden, rest, user, conversation)
    SELECT ?, ?, ?, ?, ?, ?, u.key, c.key FROM party u, conversation c WHERE u.id = ? AND c.id = ?
    ON CONFLICT DO NOTHING
"""

CHANGE: Final = """
    UPDATE own SET version = ?, muted_until_ms = ?, tell_at_ms = ?, cleared_seq = ?, hidden = ?, rest = ?
    WHERE user = (SELECT key FROM party WHERE id = ?) AND conversation = (SELECT key FROM conversation WHERE id = ?)
        AND version = ? AND tell_at_ms = coalesce(?, tell_at_ms)
"""

NEXT: Final = "SELECT min(tell_at_ms) FROM own WHERE tell_at_ms > 0"

SET_HOURS: Final = """
    INSERT INTO quiet (user, version, rest) VALUES (?, 1, ?)
    ON CONFLICT DO UPDATE SET version = version + 1, rest = excluded.rest RETURNING version
"""


class SqliteOwns:
    """One row for each user and conversation that has something to keep."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_user(self, user_id: UserId) -> dict[ConversationId, Own]:
        """See the port."""
        where = "WHERE o.user = (SELECT key FROM party WHERE id = ?)"
        return {own.conversation_id: own for own in await self._select(where, user_id)}

    async def one(self, user_id: UserId, conversation_id: ConversationId) -> Own:
        """See the port."""
        found = await self._select("WHERE u.id = ? AND c.id = ?", user_id, conversation_id)
        return found[0] if found else Own(user_id, conversation_id)

    async def put(self, own: Own, before: Own | None = None) -> bool:
        """See the port."""
        due = before.tell_at_ms if before else None
        return await self._database.write(lambda connection: _put(connection, own, due))

    async def renew(self, own: Own) -> bool:
        """See the port."""
        return await self._database.write(lambda connection: _change(connection, own, own.version))

    async def due(self, now_ms: int, limit: int) -> list[Own]:
        """See the port."""
        return await self._select("WHERE o.tell_at_ms BETWEEN 1 AND ? ORDER BY o.tell_at_ms LIMIT ?", now_ms, limit)

    async def next_due(self) -> int | None:
        """See the port."""
        return await self._database.read(lambda connection: connection.execute(NEXT).fetchone()[0])

    async def _select(self, where: str, *values: Any) -> list[Own]:
        rows = await self._database.read(lambda connection: connection.execute(SELECT + where, values).fetchall())
        return [_own(row) for row in rows]


class SqliteQuiet:
    """One row for each user who has set quiet hours."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_users(self, user_ids: list[UserId]) -> dict[UserId, QuietHours]:
        """See the port."""
        return await self._database.read(lambda connection: _hours(connection, user_ids))

    async def set(self, user_id: UserId, hours: QuietHours) -> QuietHours:
        """See the port."""
        values = (user_id, json.dumps(hours_to(hours)))
        row = await self._database.write(lambda connection: connection.execute(SET_HOURS, values).fetchone())
        return replace(hours, version=row[0])


def _own(row: tuple[Any, ...]) -> Own:
    user_id, conversation_id, version, muted, tell_at, cleared, hidden, rest = row
    veil = veil_of(cleared, json.loads(hidden))
    return own_of(user_id, conversation_id, version, muted, tell_at, veil, json.loads(rest))


def _put(connection: sqlite3.Connection, own: Own, tell_at_ms: int | None) -> bool:
    if own.version == 1:
        return connection.execute(MAKE, (*_values(own), own.user_id, own.conversation_id)).rowcount == 1
    return _change(connection, own, own.version - 1, tell_at_ms)


def _change(connection: sqlite3.Connection, own: Own, version: int, tell_at_ms: int | None = None) -> bool:
    values = (*_values(own), own.user_id, own.conversation_id, version, tell_at_ms)
    return connection.execute(CHANGE, values).rowcount == 1


def _values(own: Own) -> tuple[Any, ...]:
    hidden = json.dumps(sorted(own.veil.hidden))
    return (own.version, own.muted_until_ms, own.tell_at_ms, own.veil.cleared_seq, hidden, json.dumps(rest_of(own)))


def _hours(connection: sqlite3.Connection, user_ids: list[UserId]) -> dict[UserId, QuietHours]:
    found: dict[UserId, QuietHours] = {}
    for some in chunks(user_ids):
        sql = f"SELECT user, rest, version FROM quiet WHERE user IN ({marks(some)})"  # noqa: S608 - question marks only
        rows = connection.execute(sql, some)
        found.update({UserId(user_id): hours_of(json.loads(rest), version) for user_id, rest, version in rows})
    return found
