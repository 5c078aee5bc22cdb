"""The store of the AI service, as its URL names it."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from mesh.infrastructure import sqlite
from mesh.settings import Secret
from mesh.vitals import Database
from svc_ai.domain.ports import Cursors
from svc_ai.domain.renewal import Renewals
from svc_ai.domain.requests import Requests
from svc_ai.domain.settings import SettingsStore
from svc_ai.domain.usage import UsageStore
from svc_ai.infrastructure.sqlite import (
    SCHEMA,
    SqliteCursors,
    SqliteRenewals,
    SqliteRequests,
    SqliteSettings,
    SqliteUsage,
)


@dataclass(frozen=True, slots=True)
class Store:
    """What is kept, how often it was read, and how what keeps it is."""

    cursors: Cursors
    usage: UsageStore
    settings: SettingsStore
    requests: Requests
    renewals: Renewals
    reads: Callable[[], int]
    database: Database


async def open_store(url: str, password: Secret, stack: AsyncExitStack) -> Store:
    """Open it; the stack closes it. Raises SettingError."""
    if url.startswith("mongodb:"):
        return await _open_mongo(url, password, stack)
    database = await stack.enter_async_context(sqlite.Database(sqlite.path_of(url), SCHEMA))
    kept = (
        SqliteCursors(database),
        SqliteUsage(database),
        SqliteSettings(database),
        SqliteRequests(database),
        SqliteRenewals(database),
    )
    return Store(*kept, lambda: database.reads, database)


async def _open_mongo(url: str, password: Secret, stack: AsyncExitStack) -> Store:
    from mesh.infrastructure import mongo  # noqa: PLC0415  a process that needs no driver loads none
    from svc_ai.infrastructure import mongo as kept  # noqa: PLC0415  as above

    database = await stack.enter_async_context(mongo.Database(url, kept.SCHEMA, password=password))
    stores = (
        kept.MongoCursors(database),
        kept.MongoUsage(database),
        kept.MongoSettings(database),
        kept.MongoRequests(database),
        kept.MongoRenewals(database),
    )
    return Store(*stores, lambda: database.reads, database)
