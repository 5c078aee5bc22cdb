"""The stores of the user service that its suites run over, and values to keep in them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mesh.infrastructure.sqlite import Database
from mesh.infrastructure.sqlite_outbox import SqliteOutbox
from mesh.outbox import OutboxStore
from svc_user.domain.account import Account, Profile, UserId
from svc_user.domain.notice import Notice, ProfileNotice
from svc_user.domain.ports import (
    Accounts,
    Relations,
    Sessions,
)
from svc_user.domain.session import Device, DeviceId, Session, SessionId
from svc_user.infrastructure.sqlite import SCHEMA, SqliteAccounts, SqliteRelations, SqliteSessions

NOW = 1_800_000_000_000
DAY = 86_400_000


@dataclass(frozen=True)
class Store:
    """The repositories of one adapter."""

    accounts: Accounts
    sessions: Sessions
    relations: Relations
    outbox: OutboxStore

    async def owed(self) -> list[bytes]:
        """The notices that are kept."""
        return [debt.payload for debt in await self.outbox.owed(100)]


def encode(notice: Notice) -> bytes:
    """A notice in some form: the store does not look inside."""
    return repr(notice).encode()


@asynccontextmanager
async def sqlite(folder: Path) -> AsyncIterator[Store]:
    """The SQLite adapter over a file."""
    database = Database(folder / "user.db", SCHEMA)
    await database.open()
    yield Store(
        SqliteAccounts(database, encode),
        SqliteSessions(database, encode),
        SqliteRelations(database, encode),
        SqliteOutbox(database),
    )
    await database.close()


def user(name: str) -> UserId:
    """A well formed id."""
    return UserId(f"u{name:0>15}")


def account(name: str) -> Account:
    """An account."""
    return Account(user(name), name, Profile(name), NOW)


def session(number: int, owner: str = "ada", **fields: object) -> Session:
    """A live session on a device of its own."""
    base = Session(
        session_id=SessionId(f"s{number:015}"),
        user_id=user(owner),
        device_id=DeviceId(f"d{number:015}"),
        device=Device(1, "phone"),
        created_at_ms=NOW,
        last_seen_at_ms=NOW + number,
        last_address="10.0.0.1",
        expires_at_ms=NOW + DAY,
        refresh_hash=bytes([number]) * 32,
        request_key=bytes([number]) * 32,
    )
    return replace(base, **fields)  # type: ignore[arg-type]


NOTICE = ProfileNotice(user("ada"), 2)
