"""The store that a URL names."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from mesh.infrastructure import sqlite
from mesh.settings import Secret
from svc_message.domain.ports import Log, Members
from svc_message.domain.sink import Feed, Letters, SinkPlaces
from svc_message.infrastructure.sqlite import (
    SCHEMA,
    SqliteFeed,
    SqliteLetters,
    SqliteLog,
    SqliteMembers,
    SqliteSinkPlaces,
)


@dataclass(frozen=True, slots=True)
class Store:
    """Logs and members in one store; `reads` says how often it was read since it was opened."""

    log: Log
    members: Members
    reads: Callable[[], int]
    outside: "Outside"


@dataclass(frozen=True, slots=True)
class Outside:
    """What the same store keeps for programs outside: all entries as they come, how far sinks are, dead letters."""

    feed: Feed
    places: SinkPlaces
    letters: Letters


@asynccontextmanager
async def open_store(url: str, password: Secret) -> AsyncIterator[Store]:
    """Open `sqlite:<path>` or `mongodb://<hosts>/<database>`, of whose user this is the password.

    Raises SettingError for any other URL, and when the store cannot be used.
    """
    if url.startswith("mongodb:"):
        from mesh.infrastructure import mongo  # noqa: PLC0415  a process that needs no driver loads none
        from svc_message.infrastructure import mongo as on_mongo  # noqa: PLC0415  as above

        async with mongo.Database(url, on_mongo.SCHEMA, password=password) as documents:
            outside = Outside(
                on_mongo.MongoFeed(documents), on_mongo.MongoSinkPlaces(documents), on_mongo.MongoLetters(documents)
            )
            yield Store(
                on_mongo.MongoLog(documents), on_mongo.MongoMembers(documents), lambda: documents.reads, outside
            )
    else:
        async with sqlite.Database(sqlite.path_of(url), SCHEMA) as database:
            outside = Outside(SqliteFeed(database), SqliteSinkPlaces(database), SqliteLetters(database))
            yield Store(SqliteLog(database), SqliteMembers(database), lambda: database.reads, outside)
