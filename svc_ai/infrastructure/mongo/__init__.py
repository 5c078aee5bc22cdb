"""The store of the AI service in MongoDB: a collection for each kind of thing."""

from typing import Final

from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from mesh.infrastructure.mongo import Document, Schema
from svc_ai.infrastructure.mongo.cursors import MongoCursors
from svc_ai.infrastructure.mongo.renewals import MongoRenewals
from svc_ai.infrastructure.mongo.requests import MongoRequests
from svc_ai.infrastructure.mongo.settings import MongoSettings
from svc_ai.infrastructure.mongo.usage import MongoUsage


async def _create(database: AsyncDatabase[Document]) -> None:
    await database["cursor"].create_indexes([IndexModel([("assistant_id", 1), ("moved", -1)])])


async def _create_requests(database: AsyncDatabase[Document]) -> None:
    await database["requests"].create_indexes([IndexModel([("at_ms", 1)])])
    await database["renewals"].create_indexes([IndexModel([("done", 1), ("held_until_ms", 1)])])


SCHEMA: Final = Schema("ai", (_create, _create_requests))

__all__ = ["SCHEMA", "MongoCursors", "MongoRenewals", "MongoRequests", "MongoSettings", "MongoUsage"]
