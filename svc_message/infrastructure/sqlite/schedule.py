"""`svc_message.domain.timing.schedule.Schedules` on SQLite."""

import sqlite3
from typing import Any, Final

from mesh.infrastructure.sqlite import Database
from svc_message.domain.conversation import ConversationId, DeviceId, UserId
from svc_message.domain.timing.schedule import Scheduled

SELECT: Final = "SELECT user, device, conversation, client_message_id, send_at_ms, send FROM scheduled "
ONE: Final = "WHERE user = ? AND conversation = ? AND client_message_id = ?"
CANCEL: Final = "DELETE FROM scheduled " + ONE + " AND sending = 0"  # noqa: S608 - question marks only
THIS: Final = ONE + " AND device = ? AND send_at_ms = ? AND send = ?"
"""Its name may be that of another one by now, that was scheduled when this one had been cancelled."""
CLAIM: Final = "UPDATE scheduled SET sending = 1, due_at_ms = ? " + THIS + " AND due_at_ms <= ?"  # noqa: S608 - question marks only
PUT_OFF: Final = "UPDATE scheduled SET sending = ?, due_at_ms = ? " + THIS + " AND due_at_ms = ?"  # noqa: S608 - question marks only
DONE: Final = "DELETE FROM scheduled " + THIS  # noqa: S608 - question marks only
NEXT: Final = "SELECT min(due_at_ms) FROM scheduled"
ADD: Final = "INSERT INTO scheduled VALUES (?, ?, ?, ?, ?, ?, ?, 0)"


class SqliteSchedules:
    """One row a message."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, one: Scheduled, most: int) -> Scheduled | None:
        """See the port."""
        return await self._database.write(lambda connection: _add(connection, one, most))

    async def of_user(self, user_id: UserId) -> list[Scheduled]:
        """See the port."""
        return await self._select("WHERE user = ? ORDER BY send_at_ms, client_message_id", user_id)

    async def cancel(self, user_id: UserId, conversation_id: ConversationId, client_message_id: int) -> bool:
        """See the port."""
        return await self._count(CANCEL, user_id, conversation_id, client_message_id) == 1

    async def due(self, now_ms: int, limit: int) -> list[Scheduled]:
        """See the port."""
        return await self._select("WHERE due_at_ms <= ? ORDER BY due_at_ms LIMIT ?", now_ms, limit)

    async def next_due(self) -> int | None:
        """See the port."""
        return await self._database.read(lambda connection: connection.execute(NEXT).fetchone()[0])

    async def claim(self, one: Scheduled, now_ms: int, until_ms: int) -> bool:
        """See the port."""
        return await self._count(CLAIM, until_ms, *_this(one), now_ms) == 1

    async def put_off(self, one: Scheduled, claimed_ms: int, until_ms: int, *, cancellable: bool) -> None:
        """See the port."""
        await self._count(PUT_OFF, not cancellable, until_ms, *_this(one), claimed_ms)

    async def done(self, one: Scheduled) -> None:
        """See the port."""
        await self._count(DONE, *_this(one))

    async def _count(self, sql: str, *values: Any) -> int:
        return await self._database.write(lambda connection: connection.execute(sql, values).rowcount)

    async def _select(self, where: str, *values: Any) -> list[Scheduled]:
        rows = await self._database.read(lambda connection: connection.execute(SELECT + where, values).fetchall())
        return [_scheduled(row) for row in rows]


def _name(one: Scheduled) -> tuple[UserId, ConversationId, int]:
    return one.user_id, one.conversation_id, one.client_message_id


def _this(one: Scheduled) -> tuple[UserId, ConversationId, int, DeviceId, int, bytes]:
    return *_name(one), one.device_id, one.send_at_ms, one.send


def _add(connection: sqlite3.Connection, one: Scheduled, most: int) -> Scheduled | None:
    known = connection.execute(SELECT + ONE, _name(one)).fetchone()
    if known is not None:
        return _scheduled(known)
    count = "SELECT count(*) FROM scheduled WHERE user = ?"
    if connection.execute(count, (one.user_id,)).fetchone()[0] >= most:
        return None
    values = (one.user_id, one.conversation_id, one.client_message_id, one.device_id, one.send_at_ms, one.send)
    connection.execute(ADD, (*values, one.send_at_ms))
    return one


def _scheduled(row: tuple[Any, ...]) -> Scheduled:
    user_id, device_id, conversation_id, number, send_at_ms, send = row
    return Scheduled(
        UserId(user_id), DeviceId(device_id), ConversationId(conversation_id), number, send_at_ms, bytes(send)
    )
