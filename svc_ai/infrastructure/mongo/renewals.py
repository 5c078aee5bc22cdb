"""Answers that were asked for anew, in MongoDB: a document for each question, changed from a known state only."""

from dataclasses import asdict
from typing import Any

from pymongo.errors import DuplicateKeyError

from mesh.infrastructure.mongo import Database, Document
from svc_ai.domain.renewal import Renewal


class MongoRenewals:
    """`svc_ai.domain.renewal.Renewals`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._renewals = database.collection("renewals")

    async def find(self, assistant_id: str, conversation_id: str, seq: int) -> Renewal | None:
        """See the port."""
        with self._database.reading():
            found = await self._renewals.find_one({"_id": _key(assistant_id, conversation_id, seq)}, {"_id": 0})
        return Renewal(**found) if found else None

    async def begin(self, renewal: Renewal) -> bool:
        """See the port."""
        before = {"_id": _key_of(renewal), "done": True, "number": renewal.number - 1}
        with self._database.writing():
            try:
                # Where there is one in another state, its key is taken.
                await self._renewals.update_one(before, {"$set": asdict(renewal)}, upsert=True)
            except DuplicateKeyError:
                return False
        return True

    async def take(self, renewal: Renewal, held_until_ms: int) -> bool:
        """See the port."""
        return await self._change(_state(renewal), {"$set": {"held_until_ms": held_until_ms}, "$inc": {"tries": 1}})

    async def hold(self, renewal: Renewal, held_until_ms: int) -> None:
        """See the port."""
        await self._change(_state(renewal), {"$set": {"held_until_ms": held_until_ms}})

    async def end(self, renewal: Renewal) -> None:
        """See the port."""
        await self._change({"_id": _key_of(renewal), "number": renewal.number}, {"$set": {"done": True}})

    async def left(self, now_ms: int, limit: int) -> list[Renewal]:
        """See the port."""
        with self._database.reading():
            wanted = self._renewals.find({"done": False, "held_until_ms": {"$lte": now_ms}}, {"_id": 0})
            found = await wanted.sort("held_until_ms", 1).limit(limit).to_list()
        return [Renewal(**one) for one in found]

    async def _change(self, state: Document, change: dict[str, Any]) -> bool:
        with self._database.writing():
            return (await self._renewals.update_one(state, change)).matched_count > 0


def _state(renewal: Renewal) -> Document:
    return {"_id": _key_of(renewal), "number": renewal.number, "tries": renewal.tries, "done": False}


def _key_of(renewal: Renewal) -> str:
    return _key(renewal.assistant_id, renewal.conversation_id, renewal.seq)


def _key(assistant_id: str, conversation_id: str, seq: int) -> str:
    return f"{assistant_id}/{conversation_id}/{seq}"
