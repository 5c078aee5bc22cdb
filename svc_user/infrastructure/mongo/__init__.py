"""The store of the user service on MongoDB."""

from svc_user.infrastructure.mongo.accounts import MongoAccounts
from svc_user.infrastructure.mongo.relations import MongoRelations
from svc_user.infrastructure.mongo.schema import SCHEMA
from svc_user.infrastructure.mongo.sessions import MongoSessions

__all__ = ["SCHEMA", "MongoAccounts", "MongoRelations", "MongoSessions"]
