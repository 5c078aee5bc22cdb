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
from svc_group.domain.oversight import AllGroups
from svc_group.domain.ports import Bans, Groups, Members, WaysIn
from svc_group.infrastructure.sqlite import SCHEMA
from svc_group.infrastructure.sqlite.bans import SqliteBans
from svc_group.infrastructure.sqlite.groups import SqliteGroups
from svc_group.infrastructure.sqlite.members import SqliteMembers
from svc_group.infrastructure.sqlite.oversight import SqliteAllGroups
from svc_group.infrastructure.sqlite.ways_in import SqliteWaysIn


@dataclass(frozen=True, slots=True)
class Store:
    """Groups and the entries that they owe; `reads` says how often the store was read since the start."""

    groups: Groups
    members: Members
    ways_in: WaysIn
    bans: Bans
    outbox: OutboxStore
    all_groups: AllGroups
    reads: Callable[[], int]
    database: Database


@asynccontextmanager
async def open_store(url: str, password: Secret, clock: Clock) -> AsyncIterator[Store]:
    """Open `sqlite:<path>` or `mongodb://<hosts>/<database>`, of whose user this is the password.

    Raises SettingError for any other URL, and when the store cannot be used.
    """
    if url.startswith("mongodb:"):
        from mesh.infrastructure import mongo  # noqa: PLC0415  a process that needs no driver loads none
        from svc_group.infrastructure import mongo as on_mongo  # noqa: PLC0415  as above

        async with mongo.Database(url, on_mongo.SCHEMA, password=password) as documents:
            yield Store(*on_mongo.stores(documents, clock), lambda: documents.reads, documents)
    else:
        async with sqlite.Database(sqlite.path_of(url), SCHEMA) as database:
            groups, members = SqliteGroups(database, clock), SqliteMembers(database)
            ways_in, bans, outbox = SqliteWaysIn(database), SqliteBans(database), SqliteOutbox(database)
            every = SqliteAllGroups(database)
            yield Store(groups, members, ways_in, bans, outbox, every, lambda: database.reads, database)
