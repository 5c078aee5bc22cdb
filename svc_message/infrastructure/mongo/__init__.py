"""The store of the message service on MongoDB."""

from svc_message.infrastructure.mongo.broadcasts import MongoBroadcasts
from svc_message.infrastructure.mongo.changes import MongoChanges
from svc_message.infrastructure.mongo.erasures import MongoErasures
from svc_message.infrastructure.mongo.log import MongoLog
from svc_message.infrastructure.mongo.media import MongoMediaRecords
from svc_message.infrastructure.mongo.members import MongoMembers
from svc_message.infrastructure.mongo.reports import MongoReports
from svc_message.infrastructure.mongo.schema import SCHEMA
from svc_message.infrastructure.mongo.search import MongoSearchIndex
from svc_message.infrastructure.mongo.statistics import MongoStatistics

__all__ = [
    "SCHEMA",
    "MongoBroadcasts",
    "MongoChanges",
    "MongoErasures",
    "MongoLog",
    "MongoMediaRecords",
    "MongoMembers",
    "MongoReports",
    "MongoSearchIndex",
    "MongoStatistics",
]
