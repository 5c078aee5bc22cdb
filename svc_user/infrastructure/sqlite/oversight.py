"""`svc_user.domain.oversight.Oversight` on SQLite."""

import sqlite3
from typing import Any, Final

from mesh.infrastructure.sqlite import Database
from svc_user.domain.account import UserId, UserKind, UserState
from svc_user.domain.oversight import AccountStatus, Overseen, Wanted
from svc_user.domain.ports import Stale
from svc_user.infrastructure.sqlite.accounts import LAST_CHARACTER, SELECT, name_hash, to_account

SCHEMA: Final = """
    CREATE TABLE standing (
        user_id TEXT PRIMARY KEY,
        admin INTEGER NOT NULL,
        suspended_until_ms INTEGER NOT NULL,
        suspension_reason TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX standing_due ON standing (suspended_until_ms) WHERE suspended_until_ms > 0;
    CREATE INDEX standing_admin ON standing (admin) WHERE admin = 1;
    CREATE INDEX account_state ON account (state, username);
    CREATE TABLE gone_name (hash BLOB PRIMARY KEY) WITHOUT ROWID
"""
"""A migration step. An account without a row in `standing` is no administrator and not suspended."""

STATUS: Final = """
    SELECT a.user_id, a.state, coalesce(s.admin, 0), coalesce(s.suspended_until_ms, 0),
        coalesce(s.suspension_reason, '')
    FROM account a LEFT JOIN standing s ON s.user_id = a.user_id
"""

ERASURES: Final = (
    """UPDATE account SET username = user_id, password_hash = '', state = 3, display_name = '', avatar_media_id = '',
        bio = '', birthday = '', locale = '', region = '', pronouns = '', privacy = '{}' WHERE user_id = :id""",
    "DELETE FROM standing WHERE user_id = :id",
    "DELETE FROM registration WHERE user_id = :id",
    "DELETE FROM push_target WHERE user_id = :id",
    "DELETE FROM device WHERE user_id = :id",
    """UPDATE session SET name = '', model = '', app_version = '', os_version = '', last_address = ''
        WHERE user_id = :id""",
    "DELETE FROM side WHERE owner_id = :id",
    "DELETE FROM friend_list WHERE owner_id = :id",
    "UPDATE friend_request SET state = 4 WHERE state = 1 AND (sender_id = :id OR receiver_id = :id)",
    "UPDATE friend_request SET greeting = '', remark = '' WHERE sender_id = :id OR receiver_id = :id",
)


class SqliteOversight:
    """Accounts, and beside them a row for each that was ever suspended or an administrator."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def status(self, user_id: UserId) -> AccountStatus | None:
        """See the port."""
        row = await self._database.read(lambda connection: _status(connection, user_id))
        return _to_status(row) if row else None

    async def find(self, wanted: Wanted) -> list[Overseen]:
        """See the port."""
        return await self._database.read(lambda connection: _find(connection, wanted))

    async def keep(self, before: AccountStatus, after: AccountStatus) -> None:
        """See the port."""
        await self._database.write(lambda connection: _keep(connection, before, after))

    async def due(self, now_ms: int, limit: int) -> list[AccountStatus]:
        """See the port."""
        sql = STATUS + "WHERE s.suspended_until_ms BETWEEN 1 AND ? AND a.state = ? LIMIT ?"
        values = (now_ms, int(UserState.SUSPENDED), limit)
        rows = await self._database.read(lambda connection: connection.execute(sql, values).fetchall())
        return [_to_status(row) for row in rows]

    async def erase(self, user_id: UserId) -> None:
        """See the port."""
        await self._database.write(lambda connection: _erase(connection, user_id))
        await self._database.scrub()

    async def people_after(self, user_id: UserId, limit: int) -> list[UserId]:
        """See the port."""
        sql = "SELECT user_id FROM account WHERE user_id > ? AND kind = ? AND state = ? ORDER BY user_id LIMIT ?"
        values = (user_id, int(UserKind.PERSON), int(UserState.ACTIVE), limit)
        rows = await self._database.read(lambda connection: connection.execute(sql, values).fetchall())
        return [UserId(row[0]) for row in rows]


def _status(connection: sqlite3.Connection, user_id: UserId) -> tuple[Any, ...] | None:
    row: tuple[Any, ...] | None = connection.execute(STATUS + "WHERE a.user_id = ?", (user_id,)).fetchone()
    return row


def _to_status(row: tuple[Any, ...]) -> AccountStatus:
    user_id, state, admin, until_ms, reason = row
    return AccountStatus(user_id, UserState(state), bool(admin), until_ms, reason)


def _find(connection: sqlite3.Connection, wanted: Wanted) -> list[Overseen]:
    where, values = ["username >= ?", "username < ?", "username > ?"], [wanted.prefix]
    values += [wanted.prefix + LAST_CHARACTER, wanted.after]
    if wanted.state is not None:
        where.append(f"state = {int(wanted.state)}")
    if wanted.admins_only:
        where.append("user_id IN (SELECT user_id FROM standing WHERE admin = 1)")
    sql = f"{SELECT} WHERE {' AND '.join(where)} ORDER BY username LIMIT ?"
    rows = connection.execute(sql, (*values, wanted.limit)).fetchall()
    statuses = {row[0]: _status(connection, row[0]) for row in rows}
    return [Overseen(to_account(row), _to_status(found)) for row in rows if (found := statuses[row[0]])]


def _keep(connection: sqlite3.Connection, before: AccountStatus, after: AccountStatus) -> None:
    row = _status(connection, before.user_id)
    if row is None or _to_status(row) != before:
        raise Stale
    if after.state is not before.state:
        sql = "UPDATE account SET state = ?, version = version + 1 WHERE user_id = ?"
        connection.execute(sql, (int(after.state), after.user_id))
    connection.execute(
        "INSERT INTO standing VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET admin = excluded.admin, "
        "suspended_until_ms = excluded.suspended_until_ms, suspension_reason = excluded.suspension_reason",
        (after.user_id, after.admin, after.suspended_until_ms, after.suspension_reason),
    )


def _erase(connection: sqlite3.Connection, user_id: UserId) -> None:
    sql = "SELECT username FROM account WHERE user_id = ? AND username <> user_id"
    row = connection.execute(sql, (user_id,)).fetchone()
    if row is not None:
        connection.execute("INSERT INTO gone_name VALUES (?) ON CONFLICT DO NOTHING", (name_hash(row[0]),))
    for statement in ERASURES:
        connection.execute(statement, {"id": user_id})
