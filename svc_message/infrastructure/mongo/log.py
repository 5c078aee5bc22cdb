"""`svc_message.domain.ports.Log` on MongoDB."""

from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from pymongo.errors import BulkWriteError

from mesh.infrastructure.mongo import Database, Document, pieces, taken
from svc_message.domain.conversation import ConversationId, DeviceId, Seq
from svc_message.domain.entry import EntryKind, Row, Stored
from svc_message.domain.ports import Clash, Run, Span
from svc_message.infrastructure.mongo import runs
from svc_message.infrastructure.mongo.documents import HEAD, MAX_SEQ, document_of, stored_of
from svc_message.infrastructure.mongo.heads import heads
from svc_message.infrastructure.mongo.schema import ENTRY
from svc_message.infrastructure.mongo.waiting import Waiting

CHANGES: Final = [int(kind) for kind in (EntryKind.EDIT, EntryKind.RECALL, EntryKind.PIN)]

SOME: Final = 100
"""Entries that are asked for by name in one question."""

Key = tuple[ConversationId, DeviceId, int]


class MongoLog:
    """The logs of all conversations in one collection."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._entries = database.collection(ENTRY)
        self._waiting = Waiting(database)

    async def append(self, rows: Sequence[Row]) -> None:
        """See the port. The rows before one that clashes are stored, with what they change."""
        if not rows:
            return
        documents = [document_of(row) for row in rows]
        with self._database.writing():
            stored = await self.insert(documents)
            await self._waiting.settle({one["c"] for one in documents[:stored] if "w" in one})
        if stored < len(rows):
            raise Clash(stored)

    async def insert(self, documents: Sequence[Document]) -> int:
        """The first half of an append: the entries alone. Return how many there were before one that clashes."""
        try:
            await self._entries.insert_many(documents)
        except BulkWriteError as error:
            return taken(error)
        return len(documents)

    async def heads(self, ids: Collection[ConversationId]) -> dict[ConversationId, Seq]:
        """See the port."""
        with self._database.reading():
            found = await heads(self._entries, ids)
        return {id_: found.get(id_, Seq(0)) for id_ in ids}

    async def find(self, keys: Collection[Key]) -> dict[Key, Stored]:
        """See the port."""
        numbers = [
            {"c": conversation_id, "d": device_id, "n": {"$in": [number for _, _, number in same]}}
            for (conversation_id, device_id), same in groupby(sorted(keys), key=lambda key: key[:2])
        ]
        return {stored.key: stored for stored in await self._named(numbers, {key[0] for key in keys})}

    async def read(
        self, conversation_id: ConversationId, first: int, last: int, limit: int, *, descending: bool = False
    ) -> list[Stored]:
        """See the port."""
        wanted = {"c": conversation_id, "q": {"$gte": min(first, MAX_SEQ), "$lte": min(last, MAX_SEQ)}}
        return await self._select(wanted, limit, -1 if descending else 1)

    async def read_each(self, spans: Sequence[Span], limit: int, room: int) -> list[Run]:
        """See the port."""
        with self._database.reading():
            await self._waiting.settle({span.conversation_id for span in spans})
            return await runs.read(self._entries, spans, limit, room)

    async def foreign_writes(self) -> int | None:
        """See the port: MongoDB cannot tell, short of a second write beside each one."""
        return None

    async def last(self, ends: Mapping[ConversationId, Seq]) -> dict[ConversationId, Stored]:
        """See the port."""
        places = [{"c": id_, "q": min(seq, MAX_SEQ)} for id_, seq in ends.items()]
        return {stored.conversation_id: stored for stored in await self._named(places, ends.keys())}

    async def amendments(
        self, conversation_id: ConversationId, first: int, last: int, limit: int, *, after: int = 0
    ) -> list[Stored]:
        """See the port."""
        wanted = {
            "c": conversation_id,
            "t": {"$gte": max(first, 1), "$lte": min(last, MAX_SEQ)},
            "q": {"$gt": min(max(last, after), MAX_SEQ)},
            "k": {"$in": CHANGES},
        }
        return await self._select(wanted, limit, 1)

    async def _select(self, wanted: dict[str, Any], limit: int, order: int) -> list[Stored]:
        """Entries of one conversation; a limit of 0 would be none to the driver."""
        if limit <= 0:
            return []
        with self._database.reading():
            await self._waiting.settle([wanted["c"]])
            sort = [("c", order), ("q", order)]
            documents = await self._entries.find(wanted, HEAD).sort(sort).limit(limit).to_list()
        return [stored_of(document) for document in documents]

    async def _named(self, names: Sequence[dict[str, Any]], ids: Collection[ConversationId]) -> list[Stored]:
        """Entries that are named one by one, each by a unique index."""
        found: list[Document] = []
        with self._database.reading():
            await self._waiting.settle(ids)
            for some in pieces(names, SOME):
                found += await self._entries.find({"$or": some}, HEAD).to_list()
        return [stored_of(document) for document in found]
