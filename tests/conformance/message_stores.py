"""The stores of the message service that suites of its smaller ports run against: one line adds another adapter."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from mesh.infrastructure import mongo as mongodb
from mesh.infrastructure.sqlite import Database
from svc_message.domain.ports import Log
from svc_message.domain.posts.changes import Changes
from svc_message.domain.posts.search import SearchIndex
from svc_message.infrastructure import mongo as mongo_store
from svc_message.infrastructure.mongo import MongoChanges, MongoLog, MongoSearchIndex
from svc_message.infrastructure.sqlite import SCHEMA, SqliteChanges, SqliteLog, SqliteSearchIndex
from tests.mongo.server import SERVER, fresh_url


@dataclass(frozen=True)
class Store:
    """A store as its ports show it."""

    log: Log
    changes: Changes
    index: SearchIndex


@asynccontextmanager
async def sqlite(folder: Path) -> AsyncIterator[Store]:
    """The embedded store."""
    async with Database(folder / "message.db", SCHEMA) as database:
        yield Store(SqliteLog(database), SqliteChanges(database), SqliteSearchIndex(database))


@asynccontextmanager
async def mongo(_: Path) -> AsyncIterator[Store]:
    """A database of a MongoDB server."""
    async with fresh_url() as url, mongodb.Database(url, mongo_store.SCHEMA, call_s=30.0) as database:
        yield Store(MongoLog(database), MongoChanges(database), MongoSearchIndex(database))


STORES = [pytest.param(sqlite, id="sqlite")]
if SERVER:
    STORES += [pytest.param(mongo, id="mongo", marks=pytest.mark.real)]
