"""The store of the message service on SQLite."""

from svc_message.infrastructure.sqlite.feed import SqliteFeed
from svc_message.infrastructure.sqlite.log import SqliteLog
from svc_message.infrastructure.sqlite.members import SqliteMembers
from svc_message.infrastructure.sqlite.schema import SCHEMA
from svc_message.infrastructure.sqlite.sinks import SqliteLetters, SqliteSinkPlaces

__all__ = ["SCHEMA", "SqliteFeed", "SqliteLetters", "SqliteLog", "SqliteMembers", "SqliteSinkPlaces"]
