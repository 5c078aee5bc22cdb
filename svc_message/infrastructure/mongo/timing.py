"""`svc_message.domain.timing.retention.Retentions` and `svc_message.domain.timing.expiry.Expiries` on MongoDB."""

from collections.abc import Collection, Sequence
from typing import Final

from bson import ObjectId
from pymongo import UpdateOne

from mesh.infrastructure.mongo import Database, Document, pieces
from svc_message.domain.conversation import ConversationId, Seq, peer_of
from svc_message.domain.entry import EntryKind
from svc_message.domain.timing.expiry import Expiring
from svc_message.domain.timing.retention import DAY_MS, Kept
from svc_message.infrastructure.mongo.schema import CONVERSATION, ENTRY, MEMBER
from svc_message.infrastructure.mongo.waiting import Waiting

SOME: Final = 500
"""Conversations of one question."""


class MongoRetentions:
    """Fields of the conversation."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._entries = database.collection(ENTRY)
        self._conversations = database.collection(CONVERSATION)
        self._waiting = Waiting(database)

    async def days(self, ids: Collection[ConversationId]) -> dict[ConversationId, int]:
        """See the port."""
        found: list[Document] = []
        with self._database.reading():
            await self._waiting.settle(ids)
            for some in pieces(ids, SOME):
                found += await self._conversations.find({"_id": {"$in": some}, "rd": {"$gt": 0}}, {"rd": 1}).to_list()
        return {one["_id"]: one["rd"] for one in found}

    async def due(self, now_ms: int, after: str, limit: int) -> list[Kept]:
        """See the port."""
        wanted = {"rd": {"$gt": 0}, "_id": {"$gt": after}, "rs": {"$lte": now_ms - DAY_MS}}
        with self._database.reading():
            found = await self._conversations.find(wanted, {"rd": 1, "rs": 1}).sort("_id", 1).limit(limit).to_list()
        return [Kept(one["_id"], one["rd"]) for one in found if one["rs"] <= now_ms - one["rd"] * DAY_MS]

    async def cut(self, conversation_id: ConversationId, seq: Seq, entry: bytes) -> None:
        """See the port.

        In an order that may break off anywhere: the Cut stands before anybody is sent there, and what is to go is gone
        for readers before it goes. What is left over is found as the oldest entries again.
        """
        with self._database.writing():
            await self._waiting.settle([conversation_id])
            made = {
                "$set": {"k": int(EntryKind.CUT), "e": entry},
                "$unset": dict.fromkeys(("m", "t", "y", "ya", "f"), ""),
            }
            await self._entries.update_one({"c": conversation_id, "q": seq}, made)
            await self._conversations.update_one({"_id": conversation_id}, {"$max": {"k": seq}})
            await self._entries.delete_many({"c": conversation_id, "q": {"$lt": seq}})


class MongoExpiries:
    """Fields of the entries themselves."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._entries = database.collection(ENTRY)
        self._members = database.collection(MEMBER)

    async def begin(self, now_ms: int, after: str, limit: int) -> str:
        """See the port."""
        wanted: Document = {"y": 0} | ({"_id": {"$gt": ObjectId(after)}} if after else {})
        fields = {"c": 1, "q": 1, "s": 1, "ya": 1}
        with self._database.writing():
            waiting = await self._entries.find(wanted, fields).sort([("y", 1), ("_id", 1)]).limit(limit).to_list()
            read = await self._read([(peer_of(one["c"], one["s"]), one["c"]) for one in waiting])
            begun = [one for one in waiting if read.get((peer_of(one["c"], one["s"]), one["c"]), 0) >= one["q"]]
            if begun:
                await self._entries.bulk_write([_begin(one, now_ms) for one in begun], ordered=False)
        return str(waiting[-1]["_id"]) if len(waiting) == limit else ""

    async def due(self, now_ms: int, limit: int) -> list[Expiring]:
        """See the port."""
        with self._database.reading():
            wanted = {"y": {"$gt": 0, "$lte": now_ms}}
            found = await self._entries.find(wanted, {"c": 1, "q": 1}).sort("y", 1).limit(limit).to_list()
        return [Expiring(one["c"], Seq(one["q"])) for one in found]

    async def next_due(self) -> int | None:
        """See the port."""
        with self._database.reading():
            found = await self._entries.find_one({"y": {"$gt": 0}}, {"y": 1}, sort=[("y", 1)])
        return None if found is None else int(found["y"])

    async def done(self, gone: Sequence[Expiring]) -> None:
        """See the port."""
        with self._database.writing():
            for one in gone:
                name = {"c": one.conversation_id, "q": one.seq}
                await self._entries.update_one(name, {"$unset": {"y": "", "ya": ""}})

    async def _read(self, places: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
        """How far these users have read these conversations."""
        found: list[Document] = []
        for some in pieces(set(places), SOME):
            names = [{"u": user_id, "c": conversation_id} for user_id, conversation_id in some]
            found += await self._members.find({"$or": names}, {"u": 1, "c": 1, "d": 1}).to_list()
        return {(one["u"], one["c"]): one["d"] for one in found}


def _begin(one: Document, now_ms: int) -> UpdateOne:
    return UpdateOne({"c": one["c"], "q": one["q"], "y": 0}, {"$set": {"y": now_ms + one["ya"]}})
