"""Changes of several documents without transactions: one document decides, the others follow.

A root is the document that a change is about. It holds `rev`, which rises by one with each change, and for a moment
`pending`: the other documents that follow from the change and the debts that it owes. So a change is one write of one
document, and it counts from then on:

1. Read the root, and what else a decision needs. What is pending is carried out first.
2. Write the root if its `rev` is still the same: fields, `rev + 1`, `pending`. Who loses begins again.
3. Carry out what is pending: put the other documents, copy the debts into the outbox, clear `pending`.

A process that ends between 2 and 3 leaves the rest to whoever meets the root next: `load` of the same one, `finish`,
and the outbox, which calls `finish` at each start of a process and before it pays.

Carrying out may happen twice, late, and in several processes at once. So each document that follows has the `rev` that
it comes from and never gives way to an older one, and debts have their numbers already.
"""

import asyncio
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import bson
from pymongo import IndexModel, UpdateOne
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError, DuplicateKeyError

from mesh.infrastructure.mongo import TAKEN, Database, Document, unavailable
from mesh.infrastructure.mongo_outbox import MongoOutbox
from mesh.outbox import Owed

CHUNK: Final = 1_000
"""Documents put in one call."""

TRIES: Final = 50
"""How often a change begins again. Each time another one was kept."""

LOST_S: Final = 0.005
"""Seconds before a change begins again."""

AT_ONCE: Final = 100
"""Roots that are finished in one go."""

CLEARED: Final = {"pending": "", "waits": ""}


class KeyTaken(Exception):  # noqa: N818 - an answer: what else is unique belongs to another root
    """Another root has a key that must be unique; nothing was kept."""


@dataclass(frozen=True, slots=True)
class Put:
    """A document that follows from a change. All that is ever put under one key comes from one root."""

    collection: str
    key: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Write:
    """What a change makes of its root, and what follows. A field that is None goes away."""

    fields: Mapping[str, Any]
    puts: Sequence[Put] = ()
    owes: Sequence[bytes] = ()


async def create_roots(database: AsyncDatabase[Document], collection: str) -> None:
    """A migration step: finds what is pending without looking at all roots."""
    await database[collection].create_indexes([IndexModel("waits", sparse=True)])


class Roots:
    """The roots of one collection."""

    def __init__(self, database: Database, collection: str, outbox: MongoOutbox) -> None:
        self._database = database
        self._roots = database.collection(collection)
        self._outbox = outbox
        outbox.follow(self.finish)

    async def load(self, key: str) -> Document:
        """The root with nothing pending; one that is not there has `rev` 0 and no fields."""
        with self._database.reading():
            root = await self._roots.find_one({"_id": key})
        if root is None:
            return {"_id": key, "rev": 0}
        await self._carry_out(root)
        return root

    async def finish(self) -> None:
        """Carry out what is pending anywhere."""
        with self._database.reading():
            waiting = await self._roots.find({"waits": 1}).limit(AT_ONCE).to_list()
        for root in waiting:
            await self._carry_out(root)

    async def change(self, key: str, decide: Callable[[Document], Write]) -> None:
        """Change a root as `decide` says, which is asked again when it changed meanwhile; what it raises passes.

        Raises KeyTaken, and UNAVAILABLE when others are always faster.
        """
        for _ in range(TRIES):
            root = await self.load(key)
            if await self.commit(root, decide(root)):
                return
        raise unavailable()

    async def commit(self, base: Document, write: Write) -> bool:
        """Change a root from what `load` gave; False when it changed meanwhile. Raises KeyTaken."""
        changed = await self.record(base, write)
        if changed is None:
            # What the other one wrote can be read when most members have it, which the write itself did not wait for.
            await asyncio.sleep(LOST_S)
            return False
        await self._carry_out(changed)
        return True

    async def interrupt(self, key: str) -> bool:
        """Let a change of this root that is on its way begin again: it finds that the root changed.

        False: it changed just now.
        """
        root = await self.load(key)
        return await self._replace(root, {"$set": {"rev": root["rev"] + 1}})

    async def record(self, base: Document, write: Write) -> Document | None:
        """The write that counts: the root after it, or None when it changed meanwhile. Raises KeyTaken."""
        debts = await self._outbox.numbered(write.owes)
        kept = {name: value for name, value in write.fields.items() if value is not None}
        kept["rev"] = base["rev"] + 1
        if write.puts or debts:
            kept |= {"pending": _packed(write.puts, debts), "waits": 1}
        gone = {name: "" for name, value in write.fields.items() if value is None}
        update = {"$set": kept, "$unset": gone} if gone else {"$set": kept}
        return {"_id": base["_id"], **kept} if await self._replace(base, update) else None

    async def _replace(self, base: Document, update: Document) -> bool:
        with self._database.writing():
            try:
                return await self._attempt(base, update)
            except DuplicateKeyError as error:
                if _index_of(error) == "_id_":
                    return False
                raise KeyTaken from error

    async def _attempt(self, base: Document, update: Document) -> bool:
        if base["rev"] == 0:
            await self._roots.insert_one({"_id": base["_id"], **update["$set"]})
            return True
        unchanged = {"_id": base["_id"], "rev": base["rev"], "waits": None}
        return (await self._roots.update_one(unchanged, update)).matched_count == 1

    async def _carry_out(self, root: Document) -> None:
        if "pending" not in root:
            return
        puts, debts = _unpacked(root["pending"])
        collections = dict.fromkeys(put.collection for put in puts)
        for name in collections:
            await self._put(name, [put for put in puts if put.collection == name], root["rev"])
        await self._outbox.keep(debts)
        with self._database.writing():
            await self._roots.update_one({"_id": root["_id"], "rev": root["rev"]}, {"$unset": CLEARED})

    async def _put(self, name: str, puts: Sequence[Put], rev: int) -> None:
        for start in range(0, len(puts), CHUNK):
            some = puts[start : start + CHUNK]
            refused = await self._upsert(name, some, rev, insert=True)
            # There is such a document: newer than this, or just made from something older. Only the latter gives way.
            if refused:
                await self._upsert(name, [some[index] for index in refused], rev, insert=False)

    async def _upsert(self, name: str, puts: Sequence[Put], rev: int, *, insert: bool) -> list[int]:
        writes = [
            UpdateOne({"_id": put.key, "rev": {"$lt": rev}}, {"$set": {**put.fields, "rev": rev}}, upsert=insert)
            for put in puts
        ]
        with self._database.writing():
            try:
                await self._database.collection(name).bulk_write(writes, ordered=False)
            except BulkWriteError as error:
                return _refused(error)
        return []


def _index_of(error: DuplicateKeyError) -> str:
    """The name of the index whose key is taken. It stands before the key, in which anything may stand."""
    found = re.search(r" index: (\S+) dup key", str((error.details or {}).get("errmsg", "")))
    return found[1] if found else ""


def _refused(error: BulkWriteError) -> list[int]:
    """Which writes met a document that is there. Raises the error when anything else is wrong."""
    details = error.details or {}
    failures = details.get("writeErrors", ())
    if details.get("writeConcernErrors") or not failures or any(one.get("code") != TAKEN for one in failures):
        raise error
    return [int(one["index"]) for one in failures]


def _packed(puts: Sequence[Put], debts: Sequence[Owed]) -> bytes:
    """Compressed: the end of a group of 10,000 must fit into a document of 16 MB, whatever its members are called."""
    rest = {
        "puts": [[put.collection, put.key, put.fields] for put in puts],
        "debts": [[debt.id, debt.payload] for debt in debts],
    }
    return zlib.compress(bson.encode(rest), 1)


def _unpacked(pending: bytes) -> tuple[list[Put], list[Owed]]:
    rest = bson.decode(zlib.decompress(pending))
    return [Put(*put) for put in rest["puts"]], [Owed(number, bytes(payload)) for number, payload in rest["debts"]]
