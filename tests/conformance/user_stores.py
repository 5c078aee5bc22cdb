"""The stores of the user service that its suites run over, and values to keep in them."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mesh.clock import FakeClock
from mesh.outbox import OutboxStore
from mesh.settings import Secret
from svc_user.domain.account import Account, Profile, UserId
from svc_user.domain.audit import AuditLog
from svc_user.domain.deletion import Deletions
from svc_user.domain.live import LiveSettingsStore
from svc_user.domain.notice import Notice, ProfileNotice
from svc_user.domain.oversight import Oversight
from svc_user.domain.ports import Accounts, Privacies, Relations, Sessions
from svc_user.domain.push import PushTargets
from svc_user.domain.session import Device, DeviceId, Session, SessionId
from svc_user.infrastructure.store import open_store
from tests.mongo.server import SERVER, fresh_url

NOW = 1_800_000_000_000
DAY = 86_400_000


@dataclass(frozen=True)
class Store:
    """The repositories of one adapter."""

    accounts: Accounts
    privacies: Privacies
    deletions: Deletions
    sessions: Sessions
    push_targets: PushTargets
    relations: Relations
    outbox: OutboxStore
    oversight: Oversight
    audit: AuditLog
    live: LiveSettingsStore

    async def owed(self) -> list[bytes]:
        """The notices that are kept."""
        return [debt.payload for debt in await self.outbox.owed(100)]


def encode(notice: Notice) -> bytes:
    """A notice in some form: the store does not look inside."""
    return repr(notice).encode()


@dataclass(frozen=True)
class Stores:
    """One store as two processes have it open, and how a third one opens it."""

    ours: Store
    theirs: Store
    again: Callable[[], AbstractAsyncContextManager[Store]]


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    """The store at a URL."""
    async with open_store(url, Secret(), FakeClock(NOW), encode) as made:
        yield Store(
            made.accounts,
            made.privacies,
            made.deletions,
            made.sessions,
            made.push_targets,
            made.relations,
            made.outbox,
            made.oversight,
            made.audit,
            made.live,
        )


@asynccontextmanager
async def twice(url: str) -> AsyncIterator[Stores]:
    """The store at a URL, open in two processes."""
    async with opened(url) as ours, opened(url) as theirs:
        yield Stores(ours, theirs, lambda: opened(url))


@asynccontextmanager
async def sqlite(folder: Path) -> AsyncIterator[Stores]:
    """The SQLite adapter over a file."""
    async with twice(f"sqlite:{folder / 'user.db'}") as stores:
        yield stores


@asynccontextmanager
async def mongo(_: Path) -> AsyncIterator[Stores]:
    """The MongoDB adapter over a database of its own."""
    async with fresh_url() as url, twice(url) as stores:
        yield stores


STORES = [pytest.param(sqlite, id="sqlite")]
if SERVER:
    STORES.append(pytest.param(mongo, id="mongo", marks=pytest.mark.real))


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
