"""`svc_user.domain.ports.Sessions` on SQLite."""

import sqlite3
from collections.abc import Collection
from dataclasses import astuple, replace
from typing import Any, Final

from mesh.infrastructure.sqlite import Database
from mesh.infrastructure.sqlite_lists import chunks, marks
from mesh.infrastructure.sqlite_outbox import owe
from mesh.session_end import SessionEnd
from svc_user.domain.account import UserId
from svc_user.domain.ports import SessionChange, Stale
from svc_user.domain.session import SESSION_MS, Device, DeviceId, Session, SessionId
from svc_user.infrastructure.sqlite.accounts import Encode

INSERT: Final = "INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

RENEW: Final = """
    UPDATE session SET last_seen_at_ms = ?, last_address = ?, expires_at_ms = ?, refresh_hash = ?, generation = ?,
        rotated_at_ms = ?
    WHERE session_id = ? AND refresh_hash = ? AND ended_at_ms = 0
"""

END: Final = "UPDATE session SET ended_at_ms = ?, ended_why = ? WHERE session_id = ? AND ended_at_ms = 0"

RENAME: Final = "UPDATE session SET name = ? WHERE session_id = ? AND ended_at_ms = 0"

EXPIRE: Final = """
    UPDATE session SET ended_at_ms = expires_at_ms WHERE user_id = ? AND ended_at_ms = 0 AND expires_at_ms <= ?
"""

FORGET: Final = "DELETE FROM session WHERE user_id = ? AND ended_at_ms BETWEEN 1 AND ?"

LIVE: Final = "SELECT * FROM session WHERE user_id = ? AND ended_at_ms = 0 AND expires_at_ms > ?"


class SqliteSessions:
    """All sessions in one table; devices in another, since they outlive their sessions."""

    def __init__(self, database: Database, encode: Encode) -> None:
        self._database = database
        self._encode = encode

    async def commit(self, change: SessionChange) -> None:
        """See the port."""
        await self._database.write(lambda connection: self._commit(connection, change))

    def _commit(self, connection: sqlite3.Connection, change: SessionChange) -> None:
        ended = [one for one in change.ended if _end(connection, one, change)]
        if change.renamed is not None:
            _rename(connection, *change.renamed)
        if change.renewed is not None:
            _renew(connection, *change.renewed)
        if change.password is not None:
            _set_password(connection, *change.password)
        if change.opened is not None:
            _open(connection, change.opened)
        owe(connection, map(self._encode, change.told(ended)))

    async def get(self, session_id: SessionId) -> Session | None:
        """See the port."""
        sql = "SELECT * FROM session WHERE session_id = ?"
        row = await self._database.read(lambda connection: connection.execute(sql, (session_id,)).fetchone())
        return session_of_row(row) if row else None

    async def live(self, user_id: UserId, now_ms: int) -> list[Session]:
        """See the port."""
        sql = f"{LIVE} ORDER BY last_seen_at_ms DESC, session_id DESC"
        rows = await self._database.read(lambda connection: connection.execute(sql, (user_id, now_ms)).fetchall())
        return [session_of_row(row) for row in rows]

    async def live_ids(self, session_ids: Collection[SessionId], now_ms: int) -> set[SessionId]:
        """See the port."""
        return await self._database.read(lambda connection: _live_ids(connection, session_ids, now_ms))

    async def ends(self, session_ids: Collection[SessionId]) -> dict[SessionId, SessionEnd]:
        """See the port."""
        return await self._database.read(lambda connection: _ends(connection, session_ids))

    async def ended_since(self, since_ms: int) -> list[SessionId]:
        """See the port."""
        sql = """SELECT session_id FROM session
            WHERE ended_at_ms >= ? AND ended_at_ms > 0 AND ended_at_ms < expires_at_ms"""
        rows = await self._database.read(lambda connection: connection.execute(sql, (since_ms,)).fetchall())
        return [SessionId(session_id) for (session_id,) in rows]

    async def owner(self, device_id: DeviceId) -> UserId | None:
        """See the port."""
        sql = "SELECT user_id FROM device WHERE device_id = ?"
        row = await self._database.read(lambda connection: connection.execute(sql, (device_id,)).fetchone())
        return UserId(row[0]) if row else None


def _end(connection: sqlite3.Connection, session_id: SessionId, change: SessionChange) -> bool:
    """End a session; whether it had not ended before."""
    return connection.execute(END, (change.ended_at_ms, int(change.end), session_id)).rowcount == 1


def _rename(connection: sqlite3.Connection, session_id: SessionId, name: str) -> None:
    if connection.execute(RENAME, (name, session_id)).rowcount != 1:
        raise Stale


def _open(connection: sqlite3.Connection, session: Session) -> None:
    connection.execute(EXPIRE, (session.user_id, session.created_at_ms))
    connection.execute(FORGET, (session.user_id, session.created_at_ms - SESSION_MS))
    try:
        connection.execute(INSERT, _values(session))
    except sqlite3.IntegrityError as error:
        raise Stale from error
    connection.execute("INSERT INTO device VALUES (?, ?) ON CONFLICT DO NOTHING", (session.device_id, session.user_id))


def _renew(connection: sqlite3.Connection, before: Session, after: Session) -> None:
    values = (
        after.last_seen_at_ms,
        after.last_address,
        after.expires_at_ms,
        after.refresh_hash,
        after.generation,
        after.rotated_at_ms,
    )
    if connection.execute(RENEW, (*values, before.session_id, before.refresh_hash)).rowcount != 1:
        raise Stale


def _set_password(connection: sqlite3.Connection, user_id: UserId, before: str, after: str) -> None:
    sql = "UPDATE account SET password_hash = ? WHERE user_id = ? AND password_hash = ?"
    if connection.execute(sql, (after, user_id, before)).rowcount != 1:
        raise Stale


def _live_ids(connection: sqlite3.Connection, session_ids: Collection[SessionId], now_ms: int) -> set[SessionId]:
    found: set[SessionId] = set()
    for some in chunks(session_ids):
        sql = f"""SELECT session_id FROM session WHERE session_id IN ({marks(some)}) AND ended_at_ms = 0
            AND expires_at_ms > ?"""  # noqa: S608 - question marks only
        found.update(SessionId(row[0]) for row in connection.execute(sql, (*some, now_ms)))
    return found


def _ends(connection: sqlite3.Connection, session_ids: Collection[SessionId]) -> dict[SessionId, SessionEnd]:
    found: dict[SessionId, SessionEnd] = {}
    for some in chunks(session_ids):
        sql = f"""SELECT session_id, ended_why FROM session WHERE session_id IN ({marks(some)}) AND ended_at_ms > 0
            AND ended_at_ms < expires_at_ms"""  # noqa: S608 - question marks only
        found.update((SessionId(row[0]), SessionEnd(row[1])) for row in connection.execute(sql, some))
    return found


def _values(session: Session) -> tuple[Any, ...]:
    return (
        session.session_id,
        session.user_id,
        session.device_id,
        *astuple(session.device),
        session.created_at_ms,
        session.last_seen_at_ms,
        session.last_address,
        session.expires_at_ms,
        session.refresh_hash,
        session.request_key,
        session.generation,
        session.rotated_at_ms,
        session.ended_at_ms,
        int(session.end),
    )


def session_of_row(row: tuple[Any, ...]) -> Session:
    """A session from a row with all its columns."""
    session_id, user_id, device_id, *rest = row
    found = Session(session_id, user_id, device_id, Device(*rest[:5]), *rest[5:])
    return replace(found, end=SessionEnd(found.end))
