"""The store of the message service on SQLite."""

from svc_message.infrastructure.sqlite.broadcasts import SqliteBroadcasts
from svc_message.infrastructure.sqlite.changes import SqliteChanges
from svc_message.infrastructure.sqlite.erasures import SqliteErasures
from svc_message.infrastructure.sqlite.estates import SqliteEstates
from svc_message.infrastructure.sqlite.feed import SqliteFeed
from svc_message.infrastructure.sqlite.gallery import SqliteGallery
from svc_message.infrastructure.sqlite.log import SqliteLog
from svc_message.infrastructure.sqlite.media import SqliteMediaRecords
from svc_message.infrastructure.sqlite.members import SqliteMembers
from svc_message.infrastructure.sqlite.own import SqliteOwns, SqliteQuiet
from svc_message.infrastructure.sqlite.push_marks import SqlitePushMarks
from svc_message.infrastructure.sqlite.reports import SqliteReports
from svc_message.infrastructure.sqlite.schedule import SqliteSchedules
from svc_message.infrastructure.sqlite.schema import SCHEMA
from svc_message.infrastructure.sqlite.search import SqliteSearchIndex
from svc_message.infrastructure.sqlite.sinks import SqliteLetters, SqliteSinkPlaces
from svc_message.infrastructure.sqlite.statistics import SqliteStatistics
from svc_message.infrastructure.sqlite.timing import SqliteExpiries, SqliteRetentions
from svc_message.infrastructure.sqlite.traces import SqliteTraces

__all__ = [
    "SCHEMA",
    "SqliteBroadcasts",
    "SqliteChanges",
    "SqliteErasures",
    "SqliteEstates",
    "SqliteExpiries",
    "SqliteFeed",
    "SqliteGallery",
    "SqliteLetters",
    "SqliteLog",
    "SqliteMediaRecords",
    "SqliteMembers",
    "SqliteOwns",
    "SqlitePushMarks",
    "SqliteQuiet",
    "SqliteReports",
    "SqliteRetentions",
    "SqliteSchedules",
    "SqliteSearchIndex",
    "SqliteSinkPlaces",
    "SqliteStatistics",
    "SqliteTraces",
]
