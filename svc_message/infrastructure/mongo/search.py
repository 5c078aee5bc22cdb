"""`svc_message.domain.posts.search.SearchIndex` on MongoDB: the words stand in the document of their entry.

So a recall takes them away with the body, in the same write, and whoever removes an entry removes its words. An entry
that nobody searched for yet has no words and is not in the index. MongoDB's own text index knows no Chinese and takes
words of the query for syntax, and it would be kept with each insert.

`searched`, one document a conversation; shard key `_id`: _id conversation · a up to where it is in the index, as
accents do not matter · q up to where it is for nodes of before, to which they did: what is behind `a` is taken in anew
"""

from collections.abc import Collection, Sequence
from typing import Any, Final

from pymongo import UpdateOne

from mesh.infrastructure.mongo import Database, Document, pieces
from svc_message.domain.conversation import ConversationId, Seq
from svc_message.domain.entry import EntryKind
from svc_message.domain.posts.search import Hit, Lookup, Text
from svc_message.infrastructure.mongo.schema import ENTRY, SEARCHED
from svc_message.infrastructure.mongo.waiting import Waiting

SOME: Final = 500
"""Conversations of one question."""

TEXTS: Final = [int(EntryKind.POST), int(EntryKind.EDIT)]

LAST: Final = "\U0010ffff"
"""Behind every character."""


class MongoSearchIndex:
    """The index in the documents of the entries."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._entries = database.collection(ENTRY)
        self._searched = database.collection(SEARCHED)
        self._waiting = Waiting(database)

    async def reached(self, ids: Collection[ConversationId]) -> dict[ConversationId, Seq]:
        """See the port."""
        found: dict[ConversationId, Seq] = dict.fromkeys(ids, Seq(0))
        with self._database.reading():
            for some in pieces(ids, SOME):
                for one in await self._searched.find({"_id": {"$in": some}}).to_list():
                    found[one["_id"]] = one.get("a", Seq(0))
        return found

    async def add(self, conversation_id: ConversationId, texts: Sequence[Text], reached: Seq) -> None:
        """See the port. The words first: an end that is told is one that is there."""
        updates = [
            UpdateOne({"c": conversation_id, "q": text.seq, "k": {"$in": TEXTS}}, {"$set": {"f": list(text.words)}})
            for text in texts
        ]
        with self._database.writing():
            if updates:
                await self._entries.bulk_write(updates, ordered=False)
            await self._searched.update_one(
                {"_id": conversation_id}, {"$max": {"a": reached, "q": reached}}, upsert=True
            )

    async def find(self, lookup: Lookup, limit: int) -> list[Hit]:
        """See the port. A place names the time, the seq and the conversation of a hit."""
        if not lookup.words or limit <= 0:
            return []
        wanted: dict[str, Any] = {"$and": [{"f": {"$elemMatch": {"$gte": w, "$lt": w + LAST}}} for w in lookup.words]}
        if lookup.sender_id:
            wanted["s"] = lookup.sender_id
        if lookup.behind:
            wanted["$or"] = _behind(lookup.behind)
        found: list[Document] = []
        with self._database.reading():
            await self._waiting.settle(lookup.ids)
            for some in pieces(lookup.ids, SOME):
                asked = self._entries.find({"c": {"$in": some}} | wanted, {"_id": 0, "c": 1, "q": 1, "a": 1})
                found += await asked.sort([("a", -1), ("q", -1), ("c", 1)]).limit(limit).to_list()
        found.sort(key=lambda one: (-one["a"], -one["q"], one["c"]))
        return [Hit(one["c"], one["q"], f"{one['a']}:{one['q']}:{one['c']}") for one in found[:limit]]


def _behind(place: str) -> list[Document]:
    """What stands behind a place; nothing does for a place that is none of ours."""
    time_ms, _, rest = place.partition(":")
    seq, _, conversation_id = rest.partition(":")
    if not (time_ms.isdecimal() and seq.isdecimal() and max(len(time_ms), len(seq)) < 19):  # noqa: PLR2004 - 2^63
        return [{"a": {"$lt": 0}}]
    at, number = int(time_ms), int(seq)
    return [
        {"a": {"$lt": at}},
        {"a": at, "q": {"$lt": number}},
        {"a": at, "q": number, "c": {"$gt": conversation_id}},
    ]
