"""The store that a URL names."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from mesh.clock import Clock
from mesh.infrastructure import sqlite
from mesh.infrastructure.sqlite_outbox import SqliteOutbox
from mesh.outbox import OutboxStore
from mesh.settings import Secret
from mesh.vitals import Database
from svc_user.domain.audit import AuditLog
from svc_user.domain.bot import Bots
from svc_user.domain.deletion import Deletions
from svc_user.domain.live import LiveSettingsStore
from svc_user.domain.notice import Notice
from svc_user.domain.oversight import Oversight
from svc_user.domain.ports import Accounts, Privacies, Relations, Sessions
from svc_user.domain.push import PushTargets
from svc_user.infrastructure.sqlite import (
    SCHEMA,
    SqliteAccounts,
    SqliteAudit,
    SqliteDeletions,
    SqliteLiveSettings,
    SqliteOversight,
    SqlitePrivacies,
    SqlitePushTargets,
    SqliteRelations,
    SqliteSessions,
)
from svc_user.infrastructure.sqlite.bots import SqliteBots

Encode = Callable[[Notice], bytes]


@dataclass(frozen=True, slots=True)
class Store:
    """All that the service keeps, and the notices that it owes; `reads` says how often it was read since the start."""

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
    reads: Callable[[], int]
    database: Database
    bots: Bots


@asynccontextmanager
async def open_store(url: str, password: Secret, clock: Clock, encode: Encode) -> AsyncIterator[Store]:
    """Open `sqlite:<path>` or `mongodb://<hosts>/<database>`, of whose user this is the password.

    `encode` gives the bytes of a notice. Raises SettingError for any other URL, and when the store cannot be used.
    """
    if url.startswith("mongodb:"):
        from mesh.infrastructure import mongo  # noqa: PLC0415  a process that needs no driver loads none
        from svc_user.infrastructure import mongo as on_mongo  # noqa: PLC0415  as above
        from svc_user.infrastructure.mongo.bots import MongoBots  # noqa: PLC0415  as above

        async with mongo.Database(url, on_mongo.SCHEMA, password=password) as documents:
            bots = MongoBots(documents)
            yield Store(*on_mongo.stores(documents, clock, encode), lambda: documents.reads, documents, bots)
    else:
        async with sqlite.Database(sqlite.path_of(url), SCHEMA, erases=True) as database:
            yield Store(
                SqliteAccounts(database, encode),
                SqlitePrivacies(database, encode),
                SqliteDeletions(database),
                SqliteSessions(database, encode),
                SqlitePushTargets(database),
                SqliteRelations(database, encode),
                SqliteOutbox(database),
                SqliteOversight(database),
                SqliteAudit(database),
                SqliteLiveSettings(database),
                lambda: database.reads,
                database,
                SqliteBots(database),
            )
