"""`svc_message.domain.posts.changes.Changes` on MongoDB."""

from collections.abc import Collection, Sequence
from typing import Any, Final

from mesh.infrastructure.mongo import Database, Document, pieces
from svc_message.domain.conversation import ConversationId, Seq
from svc_message.domain.entry import EntryKind, Stored
from svc_message.domain.posts.changes import PostSpan
from svc_message.infrastructure.mongo.documents import HEAD, MAX_SEQ, stored_of
from svc_message.infrastructure.mongo.schema import ENTRY
from svc_message.infrastructure.mongo.waiting import Waiting

SOME: Final = 200
"""Entries that are asked for by their places in one question."""


class MongoChanges:
    """What changes posts, from the one collection of entries."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._entries = database.collection(ENTRY)
        self._waiting = Waiting(database)

    async def about(
        self, conversation_id: ConversationId, first: int, last: int, kind: EntryKind, *, after: int, limit: int
    ) -> list[Stored]:
        """See the port."""
        wanted = {"c": conversation_id, "t": _targets(first, last), "q": {"$gt": min(after, MAX_SEQ)}, "k": int(kind)}
        return await self._select(wanted, limit)

    async def latest(
        self, conversation_id: ConversationId, first: int, last: int, kinds: Collection[EntryKind], *, up_to: int
    ) -> list[Stored]:
        """See the port: which ones they are is asked of the index, then they are read."""
        wanted = {
            "c": conversation_id,
            "t": _targets(first, last),
            "q": {"$lte": min(up_to, MAX_SEQ)},
            "k": {"$in": [int(kind) for kind in kinds]},
        }
        newest = {"$group": {"_id": {"t": "$t", "k": "$k"}, "q": {"$max": "$q"}}}
        with self._database.reading():
            await self._waiting.settle([conversation_id])
            found = await (await self._entries.aggregate([{"$match": wanted}, newest])).to_list()
        entries = await self.at(conversation_id, [one["q"] for one in found])
        return [entries[seq] for seq in sorted(entries)]

    async def edits(self, conversation_id: ConversationId, target: int) -> int:
        """See the port."""
        wanted = {"c": conversation_id, "t": min(target, MAX_SEQ), "k": int(EntryKind.EDIT)}
        with self._database.reading():
            await self._waiting.settle([conversation_id])
            return int(await self._entries.count_documents(wanted))

    async def pins(self, conversation_id: ConversationId, *, after: int, limit: int) -> list[Stored]:
        """See the port."""
        wanted = {
            "c": conversation_id,
            "t": {"$exists": True},
            "q": {"$gt": min(after, MAX_SEQ)},
            "k": int(EntryKind.PIN),
        }
        return await self._select(wanted, limit)

    async def at(self, conversation_id: ConversationId, seqs: Collection[int]) -> dict[Seq, Stored]:
        """See the port."""
        found: list[Document] = []
        with self._database.reading():
            await self._waiting.settle([conversation_id])
            for some in pieces([seq for seq in seqs if seq <= MAX_SEQ], SOME):
                found += await self._entries.find({"c": conversation_id, "q": {"$in": some}}, HEAD).to_list()
        return {stored.seq: stored for stored in map(stored_of, found)}

    async def first_since(self, conversation_id: ConversationId, time_ms: int, first: int, last: int) -> Seq:
        """See the port: one small question for each halving, about twenty in a log of a million entries."""
        low, high = first, last + 1
        with self._database.reading():
            while low < high:
                middle = (low + high) // 2
                found = await self._next(conversation_id, middle)
                if not found or found[0]["q"] >= high or found[0]["a"] >= time_ms:
                    high = middle
                else:
                    low = found[0]["q"] + 1
        return Seq(low)

    async def posts(self, span: PostSpan, limit: int, *, descending: bool = False) -> list[Stored]:
        """See the port."""
        wanted = {
            "c": span.conversation_id,
            "q": {"$gte": min(span.first, MAX_SEQ), "$lte": min(span.last, MAX_SEQ)},
            "k": int(EntryKind.POST),
        }
        if span.sender_id:
            wanted["s"] = span.sender_id
        return await self._select(wanted, limit, -1 if descending else 1)

    async def _next(self, conversation_id: ConversationId, seq: int) -> Sequence[Document]:
        wanted = {"c": conversation_id, "q": {"$gte": min(seq, MAX_SEQ)}}
        fields = {"_id": 0, "q": 1, "a": 1}
        return await self._entries.find(wanted, fields).sort([("c", 1), ("q", 1)]).limit(1).to_list()

    async def _select(self, wanted: dict[str, Any], limit: int, order: int = 1) -> list[Stored]:
        """Entries of one conversation; a limit of 0 would be none to the driver."""
        if limit <= 0:
            return []
        with self._database.reading():
            await self._waiting.settle([wanted["c"]])
            documents = await self._entries.find(wanted, HEAD).sort([("c", order), ("q", order)]).limit(limit).to_list()
        return [stored_of(document) for document in documents]


def _targets(first: int, last: int) -> dict[str, int]:
    return {"$gte": max(first, 1), "$lte": min(last, MAX_SEQ)}
