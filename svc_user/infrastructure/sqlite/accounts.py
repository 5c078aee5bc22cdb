"""`svc_user.domain.ports.Accounts` on SQLite."""

import hashlib
import json
import sqlite3
from collections.abc import Callable, Collection, Sequence
from dataclasses import astuple
from typing import Any, Final

from mesh.infrastructure.sqlite import Database
from mesh.infrastructure.sqlite_lists import chunks, marks
from mesh.infrastructure.sqlite_outbox import owe
from svc_user.domain.account import Account, Profile, UserId, UserKind, UserState
from svc_user.domain.notice import Notice
from svc_user.domain.ports import Registration, Stale, UsernameTaken
from svc_user.domain.privacy import Privacy, privacy_of

SELECT: Final = """
    SELECT user_id, username, kind, state, created_at_ms, version,
        display_name, avatar_media_id, bio, birthday, locale, region, pronouns, privacy
    FROM account
"""

INSERT: Final = "INSERT INTO account VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

UPDATE: Final = """
    UPDATE account SET version = ?, display_name = ?, avatar_media_id = ?, bio = ?, birthday = ?, locale = ?,
        region = ?, pronouns = ?
    WHERE user_id = ? AND version = ?
"""

REQUESTS_KEPT_MS: Final = 86_400_000

LAST_CHARACTER: Final = "\U0010ffff"

Encode = Callable[[Notice], bytes]


def gone(connection: sqlite3.Connection, username: str) -> bool:
    """Whether an erased account had this name."""
    sql = "SELECT 1 FROM gone_name WHERE hash = ?"
    return connection.execute(sql, (name_hash(username),)).fetchone() is not None


def name_hash(username: str) -> bytes:
    """What is kept of the name of an erased account."""
    return hashlib.sha256(f"parley gone name {username}".encode()).digest()


class SqliteAccounts:
    """All accounts in one table."""

    def __init__(self, database: Database, encode: Encode) -> None:
        self._database = database
        self._encode = encode

    async def add(self, account: Account, password_hash: str, registration: Registration | None) -> None:
        """See the port."""
        await self._database.write(lambda connection: _add(connection, account, password_hash, registration))

    async def registration(self, request_id: str, since_ms: int) -> Registration | None:
        """See the port."""
        sql = "SELECT * FROM registration WHERE request_id = ? AND created_at_ms >= ?"
        row = await self._database.read(lambda connection: connection.execute(sql, (request_id, since_ms)).fetchone())
        return Registration(*row) if row else None

    async def get(self, user_ids: Collection[UserId]) -> dict[UserId, Account]:
        """See the port."""
        return await self._database.read(lambda connection: _get(connection, user_ids))

    async def named(self, username: str) -> Account | None:
        """See the port."""
        found = await self._select("WHERE username = ?", (username,))
        return found[0] if found else None

    async def password_hash(self, user_id: UserId) -> str:
        """See the port."""
        sql = "SELECT password_hash FROM account WHERE user_id = ?"
        row = await self._database.read(lambda connection: connection.execute(sql, (user_id,)).fetchone())
        return str(row[0]) if row else ""

    async def starting_with(self, prefix: str, after: str, limit: int) -> list[Account]:
        """See the port. A range and not LIKE: no character of the prefix means anything."""
        where = "WHERE username >= ? AND username < ? AND username > ? ORDER BY username LIMIT ?"
        return await self._select(where, (prefix, prefix + LAST_CHARACTER, after, limit))

    async def update(self, before: Account, after: Account, notices: Sequence[Notice]) -> None:
        """See the port."""
        values = (after.version, *astuple(after.profile), before.user_id, before.version)

        def work(connection: sqlite3.Connection) -> None:
            if connection.execute(UPDATE, values).rowcount != 1:
                raise Stale
            owe(connection, map(self._encode, notices))

        await self._database.write(work)

    async def _select(self, where: str, values: tuple[Any, ...]) -> list[Account]:
        rows = await self._database.read(lambda connection: connection.execute(SELECT + where, values).fetchall())
        return [to_account(row) for row in rows]


def _add(
    connection: sqlite3.Connection, account: Account, password_hash: str, registration: Registration | None
) -> None:
    if connection.execute("SELECT 1 FROM account WHERE username = ?", (account.username,)).fetchone():
        raise UsernameTaken if registration is None or not _repeated(connection, registration) else Stale
    if gone(connection, account.username):
        raise UsernameTaken
    if registration is not None:
        _register(connection, registration)
    connection.execute(INSERT, _values(account, password_hash))


def _repeated(connection: sqlite3.Connection, registration: Registration) -> bool:
    sql = "SELECT 1 FROM registration WHERE request_id = ?"
    return connection.execute(sql, (registration.request_id,)).fetchone() is not None


def _register(connection: sqlite3.Connection, registration: Registration) -> None:
    oldest = registration.created_at_ms - REQUESTS_KEPT_MS
    connection.execute("DELETE FROM registration WHERE created_at_ms < ?", (oldest,))
    if _repeated(connection, registration):
        raise Stale
    connection.execute("INSERT INTO registration VALUES (?, ?, ?, ?)", astuple(registration))


def _values(account: Account, password_hash: str) -> tuple[Any, ...]:
    head = (account.user_id, account.username, password_hash, int(account.kind), int(account.state))
    return (*head, account.created_at_ms, account.version, *astuple(account.profile), encoded(account.privacy))


def _get(connection: sqlite3.Connection, user_ids: Collection[UserId]) -> dict[UserId, Account]:
    found: dict[UserId, Account] = {}
    for some in chunks(user_ids):
        rows = connection.execute(f"{SELECT} WHERE user_id IN ({marks(some)})", some)
        found.update((UserId(row[0]), to_account(row)) for row in rows)
    return found


def to_account(row: tuple[Any, ...]) -> Account:
    """The account of a row of `SELECT`. An erased one has no name."""
    user_id, username, kind, state, created_at_ms, version, *profile, privacy = row
    username = "" if state == UserState.DELETED else username
    return Account(
        user_id,
        username,
        Profile(*profile),
        created_at_ms,
        UserKind(kind),
        UserState(state),
        version,
        privacy_of(json.loads(privacy)),
    )


def encoded(privacy: Privacy) -> str:
    """Settings as a column: the same text for the same settings."""
    return json.dumps(privacy.chosen(), sort_keys=True)
