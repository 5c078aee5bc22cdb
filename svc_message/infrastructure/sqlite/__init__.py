"""The store of the message service on SQLite."""

from svc_message.infrastructure.sqlite.broadcasts import SqliteBroadcasts
from svc_message.infrastructure.sqlite.erasures import SqliteErasures
from svc_message.infrastructure.sqlite.log import SqliteLog
from svc_message.infrastructure.sqlite.members import SqliteMembers
from svc_message.infrastructure.sqlite.reports import SqliteReports
from svc_message.infrastructure.sqlite.schema import SCHEMA

__all__ = ["SCHEMA", "SqliteBroadcasts", "SqliteErasures", "SqliteLog", "SqliteMembers", "SqliteReports"]
