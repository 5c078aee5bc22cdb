"""The outbox of a service whose store is MongoDB.

Debts are first part of the document that owes them (`mongo_roots`), and from there they are copied into a collection
of their own, which this file keeps. So a change and its debts are one atomic write, and debts of all documents have one
order. Numbers are taken after a root was read and before it changes: of two changes of one root the later one has the
higher numbers, whichever process made it. Copying a debt that was paid meanwhile brings it back, and it is paid again,
which does nothing.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from pymongo import ReturnDocument, UpdateOne
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from mesh.infrastructure.mongo import Database, Document, unavailable
from mesh.outbox import Owed

CHUNK: Final = 1_000
"""Debts copied in one call."""


async def create_outbox(database: AsyncDatabase[Document]) -> None:
    """A migration step: the counter, so that no two processes make it at once."""
    try:
        await database["number"].insert_one({"_id": "debt", "last": 0})
    except DuplicateKeyError:
        return  # another process was faster, or this one was stopped after it


class MongoOutbox:
    """`mesh.outbox.OutboxStore` over the database of a service."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._debts = database.collection("outbox")
        self._numbers = database.collection("number")
        self._sources: list[Callable[[], Awaitable[None]]] = []

    def follow(self, finish: Callable[[], Awaitable[None]]) -> None:
        """Call `finish` before debts are read: it copies what a process that ended left in its documents."""
        self._sources.append(finish)

    async def owed(self, limit: int) -> list[Owed]:
        """The oldest debts, in order, at most `limit`."""
        for finish in self._sources:
            await finish()
        with self._database.reading():
            found = await self._debts.find().sort("_id").limit(limit).to_list()
        return [Owed(debt["_id"], bytes(debt["payload"])) for debt in found]

    async def paid(self, ids: Sequence[int]) -> None:
        """Forget these debts."""
        with self._database.writing():
            await self._debts.delete_many({"_id": {"$in": list(ids)}})

    async def numbered(self, payloads: Sequence[bytes]) -> list[Owed]:
        """Give debts their numbers, which are never given again."""
        if not payloads:
            return []
        with self._database.writing():
            counter = await self._numbers.find_one_and_update(
                {"_id": "debt"}, {"$inc": {"last": len(payloads)}}, return_document=ReturnDocument.AFTER
            )
        if counter is None:
            raise unavailable()  # the schema makes it: without it numbers would come again
        return [Owed(number, payload) for number, payload in enumerate(payloads, counter["last"] - len(payloads) + 1)]

    async def keep(self, debts: Sequence[Owed]) -> None:
        """Copy debts, the oldest first: nobody sees one before those that come before it. Twice is as once."""
        for start in range(0, len(debts), CHUNK):
            copies = [
                UpdateOne({"_id": debt.id}, {"$setOnInsert": {"payload": debt.payload}}, upsert=True)
                for debt in debts[start : start + CHUNK]
            ]
            with self._database.writing():
                await self._debts.bulk_write(copies, ordered=True)
