"""The store that a URL names."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mesh.infrastructure import sqlite
from mesh.settings import Secret
from mesh.vitals import Database
from svc_message.domain.administration.broadcast import Broadcasts
from svc_message.domain.administration.report import Reports
from svc_message.domain.administration.statistics import Statistics
from svc_message.domain.erasure import Erasures
from svc_message.domain.media.estate import Estates, Traces
from svc_message.domain.media.gallery import Gallery
from svc_message.domain.media.ports import MediaRecords
from svc_message.domain.outside.sink import Feed, Letters, SinkPlaces
from svc_message.domain.own import Owns
from svc_message.domain.ports import Log, Members
from svc_message.domain.posts.changes import Changes
from svc_message.domain.posts.search import SearchIndex
from svc_message.domain.push.marks import PushMarks
from svc_message.domain.push.quiet import QuietStore
from svc_message.domain.timing.expiry import Expiries
from svc_message.domain.timing.retention import Retentions
from svc_message.domain.timing.schedule import Schedules
from svc_message.infrastructure.sqlite import (
    SCHEMA,
    SqliteBroadcasts,
    SqliteChanges,
    SqliteErasures,
    SqliteEstates,
    SqliteExpiries,
    SqliteFeed,
    SqliteGallery,
    SqliteLetters,
    SqliteLog,
    SqliteMediaRecords,
    SqliteMembers,
    SqliteOwns,
    SqlitePushMarks,
    SqliteQuiet,
    SqliteReports,
    SqliteRetentions,
    SqliteSchedules,
    SqliteSearchIndex,
    SqliteSinkPlaces,
    SqliteStatistics,
    SqliteTraces,
)

if TYPE_CHECKING:
    from mesh.infrastructure import mongo


@dataclass(frozen=True, slots=True)
class Store:
    """Logs, members and the rest in one store; `reads` says how often it was read since it was opened."""

    log: Log
    members: Members
    changes: Changes
    index: SearchIndex
    media: MediaRecords
    gallery: Gallery
    estates: Estates
    traces: Traces
    reports: Reports
    erasures: Erasures
    broadcasts: Broadcasts
    statistics: Statistics
    reads: Callable[[], int]
    database: Database
    owns: Owns
    quiet: QuietStore
    retentions: Retentions
    expiries: Expiries
    schedules: Schedules
    outside: "Outside"


@dataclass(frozen=True, slots=True)
class Outside:
    """What the same store keeps for programs outside: all entries as they come, how far sinks are, dead letters,
    how far nodes have told those who are away.
    """

    feed: Feed
    places: SinkPlaces
    letters: Letters
    push_marks: PushMarks


@asynccontextmanager
async def open_store(url: str, password: Secret) -> AsyncIterator[Store]:
    """Open `sqlite:<path>` or `mongodb://<hosts>/<database>`, of whose user this is the password.

    Raises SettingError for any other URL, and when the store cannot be used.
    """
    if url.startswith("mongodb:"):
        from mesh.infrastructure import mongo  # noqa: PLC0415  a process that needs no driver loads none
        from svc_message.infrastructure import mongo as on_mongo  # noqa: PLC0415  as above

        async with mongo.Database(url, on_mongo.SCHEMA, password=password) as documents:
            yield _on_mongo(documents)
    else:
        async with sqlite.Database(sqlite.path_of(url), SCHEMA) as database:
            yield _on_sqlite(database)


def _on_mongo(documents: "mongo.Database") -> Store:
    from svc_message.infrastructure import mongo as on_mongo  # noqa: PLC0415  as above

    return Store(
        on_mongo.MongoLog(documents),
        on_mongo.MongoMembers(documents),
        on_mongo.MongoChanges(documents),
        on_mongo.MongoSearchIndex(documents),
        on_mongo.MongoMediaRecords(documents),
        on_mongo.MongoGallery(documents),
        on_mongo.MongoEstates(documents),
        on_mongo.MongoTraces(documents),
        on_mongo.MongoReports(documents),
        on_mongo.MongoErasures(documents),
        on_mongo.MongoBroadcasts(documents),
        on_mongo.MongoStatistics(documents),
        lambda: documents.reads,
        documents,
        on_mongo.MongoOwns(documents),
        on_mongo.MongoQuiet(documents),
        on_mongo.MongoRetentions(documents),
        on_mongo.MongoExpiries(documents),
        on_mongo.MongoSchedules(documents),
        Outside(
            on_mongo.MongoFeed(documents),
            on_mongo.MongoSinkPlaces(documents),
            on_mongo.MongoLetters(documents),
            on_mongo.MongoPushMarks(documents),
        ),
    )


def _on_sqlite(database: sqlite.Database) -> Store:
    return Store(
        SqliteLog(database),
        SqliteMembers(database),
        SqliteChanges(database),
        SqliteSearchIndex(database),
        SqliteMediaRecords(database),
        SqliteGallery(database),
        SqliteEstates(database),
        SqliteTraces(database),
        SqliteReports(database),
        SqliteErasures(database),
        SqliteBroadcasts(database),
        SqliteStatistics(database),
        lambda: database.reads,
        database,
        SqliteOwns(database),
        SqliteQuiet(database),
        SqliteRetentions(database),
        SqliteExpiries(database),
        SqliteSchedules(database),
        Outside(SqliteFeed(database), SqliteSinkPlaces(database), SqliteLetters(database), SqlitePushMarks(database)),
    )
