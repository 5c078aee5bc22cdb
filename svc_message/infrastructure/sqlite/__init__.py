"""The store of the message service on SQLite."""

from svc_message.infrastructure.sqlite.broadcasts import SqliteBroadcasts
from svc_message.infrastructure.sqlite.changes import SqliteChanges
from svc_message.infrastructure.sqlite.erasures import SqliteErasures
from svc_message.infrastructure.sqlite.log import SqliteLog
from svc_message.infrastructure.sqlite.media import SqliteMediaRecords
from svc_message.infrastructure.sqlite.members import SqliteMembers
from svc_message.infrastructure.sqlite.reports import SqliteReports
from svc_message.infrastructure.sqlite.schema import SCHEMA
from svc_message.infrastructure.sqlite.search import SqliteSearchIndex
from svc_message.infrastructure.sqlite.statistics import SqliteStatistics

__all__ = [
    "SCHEMA",
    "SqliteBroadcasts",
    "SqliteChanges",
    "SqliteErasures",
    "SqliteLog",
    "SqliteMediaRecords",
    "SqliteMembers",
    "SqliteReports",
    "SqliteSearchIndex",
    "SqliteStatistics",
]
