"""`svc_message.domain.outside.sink.Feed` on MongoDB: entries by `_id`, which begins with the second of their sending.

The driver makes an `_id` just before it inserts, so that index is there anyway and costs nothing more. It is not the
order of commits: an entry may become visible up to OVERLAP_S after one with a larger `_id`, for a write takes its time
and the clocks of nodes differ. Therefore a reader
- looks back over that time again and again, and takes what was not there before;
- knows how far it has read each conversation: what lies between is read from the log, since whoever sees entry 7 also
  sees entry 6; and of one that it meets for the first time it looks for what came before.
"""

import time
from collections.abc import Sequence
from typing import Any, Final

from bson import ObjectId

from mesh.infrastructure.mongo import Database, Document
from svc_message.domain.conversation import ConversationId
from svc_message.domain.entry import Stored
from svc_message.infrastructure.mongo.documents import HEAD, stored_of
from svc_message.infrastructure.mongo.schema import ENTRY

OVERLAP_S: Final = 15
"""Seconds: a write ends within 5, and clocks that differ by more than 10 are broken."""

LOOK_BACK_S: Final = 5.0
"""How often what may have come late is looked for."""

BACK: Final = 50
"""Entries of one look at what came before in a conversation."""

MAX_KNOWN: Final = 300_000
"""Conversations whose place is known; with more of them all is forgotten, and some entries are told again."""

MAX_SECOND: Final = 2**32 - 2
"""The last second but one that an `_id` can begin with."""

ID_HEAD: Final = HEAD | {"_id": 1}


class MongoFeed:
    """All entries of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def end(self) -> int:
        """See the port: seconds of Unix time."""
        return int(time.time())

    def reader(self, place: int, end: int | None = None) -> "MongoFeedReader":
        """See the port."""
        return MongoFeedReader(self._database, place, MAX_SECOND if end is None else end)


class MongoFeedReader:
    """Reads on from a second."""

    def __init__(self, database: Database, place: int, end: int) -> None:
        self._database = database
        self._end = _id_at(end + 1)
        self._entries = database.collection(ENTRY)
        self._first = _id_at(place - OVERLAP_S)
        """Nothing before it is told by this reader."""
        self._last = self._first
        self._place = place
        self._known: dict[ConversationId, int] = {}
        self._looked_back = time.monotonic()

    @property
    def place(self) -> int:
        """See the port."""
        return self._place

    async def read(self, limit: int) -> list[Stored]:
        """See the port."""
        with self._database.reading():
            return self._told(await self._late()) or await self._next(limit)

    async def _next(self, limit: int) -> list[Stored]:
        """What comes after the last one; when all of it was told already, what comes after that."""
        while found := await self._after(self._last, limit):
            told = await self._in_order(found)
            self._last = found[-1]["_id"]
            self._place = max(self._place, _seconds(self._last))
            if told:
                return self._told(told)
        return []

    def _told(self, told: list[Stored]) -> list[Stored]:
        if len(self._known) > MAX_KNOWN:
            self._known = {}
            self._first = _id_at(self._place - OVERLAP_S)
        self._known.update({one.conversation_id: one.seq for one in told})
        return told

    async def _after(self, last: ObjectId, limit: int) -> list[Document]:
        return (
            await self._entries.find({"_id": {"$gt": last, "$lt": self._end}}, ID_HEAD)
            .sort("_id", 1)
            .limit(limit)
            .to_list()
        )

    async def _late(self) -> list[Stored]:
        """What became visible behind the last one that was read."""
        now = time.monotonic()
        if now - self._looked_back < LOOK_BACK_S:
            return []
        since = max(self._first, _id_at(_seconds(self._last) - OVERLAP_S))
        found = self._entries.find({"_id": {"$gt": since, "$lte": self._last}}, {"c": 1, "q": 1})
        missed = [one["_id"] async for one in found if one["q"] > self._known.get(one["c"], 0)]
        late = await self._entries.find({"_id": {"$in": missed}}, ID_HEAD).to_list() if missed else []
        told = await self._in_order(late)
        self._looked_back = now
        return told

    async def _in_order(self, found: Sequence[Document]) -> list[Stored]:
        """Those that were not told, each conversation by its seqs, with what lies before and between."""
        told: list[Stored] = []
        known: dict[ConversationId, int] = {}
        for document in sorted(found, key=_by_place):
            stored = stored_of(document)
            before = known.get(stored.conversation_id, self._known.get(stored.conversation_id))
            if before is not None and stored.seq <= before:
                continue
            told += await self._between(stored, before)
            told.append(stored)
            known[stored.conversation_id] = stored.seq
        return told

    async def _between(self, stored: Stored, before: int | None) -> list[Stored]:
        """The entries just before this one that were not told, oldest first."""
        if before is not None and stored.seq == before + 1:
            return []
        missing: list[Document] = []
        place: Document = {"$lt": stored.seq, "$gt": before or 0}
        while True:
            page = await self._entries.find({"c": stored.conversation_id, "q": place}, ID_HEAD).sort(
                [("c", -1), ("q", -1)]
            ).limit(BACK).to_list()  # fmt: skip
            # Clocks differ: one that looks old does not mean that all before it are.
            missing += page if before is not None else [one for one in page if one["_id"] > self._first]
            if len(page) < BACK or (before is None and page[-1]["_id"] < self._long_before):
                return [stored_of(one) for one in reversed(missing)]
            place = {"$lt": page[-1]["q"], "$gt": before or 0}

    @property
    def _long_before(self) -> ObjectId:
        return _id_at(_seconds(self._first) - OVERLAP_S)


def _by_place(document: Document) -> tuple[Any, ...]:
    return document["c"], document["q"]


def _id_at(seconds: int) -> ObjectId:
    """The smallest `_id` of a second."""
    return ObjectId(max(seconds, 0).to_bytes(4, "big") + bytes(8))


def _seconds(id_: ObjectId) -> int:
    return int.from_bytes(id_.binary[:4], "big")
