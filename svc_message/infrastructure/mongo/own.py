"""`svc_message.domain.own.Owns` and `svc_message.domain.push.quiet.QuietStore` on MongoDB: a document each."""

from dataclasses import replace
from typing import Any, Final

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from mesh.infrastructure.mongo import Database, Document, pieces
from svc_message.domain.conversation import ConversationId, UserId
from svc_message.domain.own import Own
from svc_message.domain.push.quiet import QuietHours
from svc_message.infrastructure.mongo.schema import OWN, QUIET
from svc_message.infrastructure.records import hours_of, hours_to, own_of, rest_of, veil_of

SOME: Final = 100
"""Records that are asked for by name in one question."""


class MongoOwns:
    """One document for each user and conversation that has something to keep."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._owns = database.collection(OWN)

    async def of_user(self, user_id: UserId) -> dict[ConversationId, Own]:
        """See the port."""
        with self._database.reading():
            found = await self._owns.find({"u": user_id}).to_list()
        return {one["c"]: _own(one) for one in found}

    async def one(self, user_id: UserId, conversation_id: ConversationId) -> Own:
        """See the port."""
        with self._database.reading():
            found = await self._owns.find_one({"u": user_id, "c": conversation_id})
        return _own(found) if found else Own(user_id, conversation_id)

    async def put(self, own: Own, before: Own | None = None) -> bool:
        """See the port. A first version is kept when there is none; the unique index decides between two."""
        with self._database.writing():
            if own.version > 1:
                untold = {"t": before.tell_at_ms or None} if before else {}  # none is what a missing one is
                result = await self._owns.replace_one(_name(own) | {"v": own.version - 1} | untold, _document(own))
                return result.matched_count == 1
            try:
                await self._owns.insert_one(_document(own))
            except DuplicateKeyError:
                return False
        return True

    async def renew(self, own: Own) -> bool:
        """See the port."""
        with self._database.writing():
            result = await self._owns.replace_one(_name(own) | {"v": own.version}, _document(own))
        return result.matched_count == 1

    async def due(self, now_ms: int, limit: int) -> list[Own]:
        """See the port."""
        with self._database.reading():
            found = await self._owns.find({"t": {"$lte": now_ms}}).sort("t", 1).limit(limit).to_list()
        return [_own(one) for one in found]

    async def next_due(self) -> int | None:
        """See the port."""
        with self._database.reading():
            found = await self._owns.find_one({"t": {"$gt": 0}}, {"t": 1}, sort=[("t", 1)])
        return None if found is None else int(found["t"])


class MongoQuiet:
    """One document for each user who has set quiet hours."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._quiet = database.collection(QUIET)

    async def of_users(self, user_ids: list[UserId]) -> dict[UserId, QuietHours]:
        """See the port."""
        found: list[Document] = []
        with self._database.reading():
            for some in pieces(user_ids, SOME):
                found += await self._quiet.find({"_id": {"$in": some}}).to_list()
        return {one["_id"]: hours_of(one["r"], one["v"]) for one in found}

    async def set(self, user_id: UserId, hours: QuietHours) -> QuietHours:
        """See the port."""
        change = {"$set": {"r": hours_to(hours)}, "$inc": {"v": 1}}
        with self._database.writing():
            kept = await self._change(user_id, change) or Document(v=0)
        return replace(hours, version=kept["v"])

    async def _change(self, user_id: UserId, change: Document) -> Document | None:
        """Two that make the document at the same moment: the second one finds it made."""
        how: dict[str, Any] = {"upsert": True, "return_document": ReturnDocument.AFTER}
        try:
            return await self._quiet.find_one_and_update({"_id": user_id}, change, **how)
        except DuplicateKeyError:
            return await self._quiet.find_one_and_update({"_id": user_id}, change, **how)


def _name(own: Own) -> Document:
    return {"u": own.user_id, "c": own.conversation_id}


def _document(own: Own) -> Document:
    due = {"t": own.tell_at_ms} if own.tell_at_ms else {}
    return (
        _name(own)
        | due
        | {
            "v": own.version,
            "m": own.muted_until_ms,
            "k": own.veil.cleared_seq,
            "h": sorted(own.veil.hidden),
            "r": rest_of(own),
        }
    )


def _own(one: Document) -> Own:
    return own_of(one["u"], one["c"], one["v"], one["m"], one.get("t", 0), veil_of(one["k"], one["h"]), one["r"])
