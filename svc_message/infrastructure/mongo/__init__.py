"""The store of the message service on MongoDB."""

from svc_message.infrastructure.mongo.broadcasts import MongoBroadcasts
from svc_message.infrastructure.mongo.changes import MongoChanges
from svc_message.infrastructure.mongo.erasures import MongoErasures
from svc_message.infrastructure.mongo.estates import MongoEstates
from svc_message.infrastructure.mongo.feed import MongoFeed
from svc_message.infrastructure.mongo.gallery import MongoGallery
from svc_message.infrastructure.mongo.log import MongoLog
from svc_message.infrastructure.mongo.media import MongoMediaRecords
from svc_message.infrastructure.mongo.members import MongoMembers
from svc_message.infrastructure.mongo.own import MongoOwns, MongoQuiet
from svc_message.infrastructure.mongo.push_marks import MongoPushMarks
from svc_message.infrastructure.mongo.reports import MongoReports
from svc_message.infrastructure.mongo.schedule import MongoSchedules
from svc_message.infrastructure.mongo.schema import SCHEMA
from svc_message.infrastructure.mongo.search import MongoSearchIndex
from svc_message.infrastructure.mongo.sinks import MongoLetters, MongoSinkPlaces
from svc_message.infrastructure.mongo.statistics import MongoStatistics
from svc_message.infrastructure.mongo.timing import MongoExpiries, MongoRetentions
from svc_message.infrastructure.mongo.traces import MongoTraces

__all__ = [
    "SCHEMA",
    "MongoBroadcasts",
    "MongoChanges",
    "MongoErasures",
    "MongoEstates",
    "MongoExpiries",
    "MongoFeed",
    "MongoGallery",
    "MongoLetters",
    "MongoLog",
    "MongoMediaRecords",
    "MongoMembers",
    "MongoOwns",
    "MongoPushMarks",
    "MongoQuiet",
    "MongoReports",
    "MongoRetentions",
    "MongoSchedules",
    "MongoSearchIndex",
    "MongoSinkPlaces",
    "MongoStatistics",
    "MongoTraces",
]
