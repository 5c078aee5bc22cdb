"""The cursors in MongoDB: a document for each, that never gives way to one before it."""

from typing import Final

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from mesh.infrastructure.mongo import Database
from svc_ai.domain.ports import Cursor

_FIELDS: Final = {"_id": 0, "assistant_id": 1, "conversation_id": 1, "seq": 1, "begun_seq": 1, "attempts": 1}


class MongoCursors:
    """Keeps the cursors of all assistants in one collection, and in another how often each assistant moved one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cursors = database.collection("cursor")
        self._moves = database.collection("moves")

    async def load(self, assistant_id: str, conversation_id: str) -> Cursor:
        """The cursor, at the very beginning when there is none."""
        with self._database.reading():
            found = await self._cursors.find_one({"_id": _key(assistant_id, conversation_id)}, _FIELDS)
        return Cursor(**found) if found else Cursor(assistant_id, conversation_id)

    async def newest(self, assistant_id: str, limit: int) -> list[Cursor]:
        """The cursors that were moved last."""
        with self._database.reading():
            moved = self._cursors.find({"assistant_id": assistant_id}, _FIELDS).sort("moved", -1)
            found = await moved.limit(limit).to_list()
        return [Cursor(**one) for one in found]

    async def save(self, cursor: Cursor) -> None:
        """Keep the cursor durably, unless it lies before the kept one."""
        fields = {
            "assistant_id": cursor.assistant_id,
            "conversation_id": cursor.conversation_id,
            "seq": cursor.seq,
            "begun_seq": cursor.begun_seq,
            "attempts": cursor.attempts,
            "moved": await self._move(cursor.assistant_id),
        }
        not_before = {"_id": _key(cursor.assistant_id, cursor.conversation_id), "seq": {"$lte": cursor.seq}}
        with self._database.writing():
            try:
                await self._cursors.update_one(not_before, {"$set": fields}, upsert=True)
            except DuplicateKeyError:  # there is one: from before, if another process made it just now, or from after
                await self._cursors.update_one(not_before, {"$set": fields})

    async def _move(self, assistant_id: str) -> int:
        """The next number in the order of movement, which no clock can disturb. One that is not used is no harm."""
        with self._database.writing():
            try:
                return await self._count(assistant_id)
            except DuplicateKeyError:  # two processes made the counter at once
                return await self._count(assistant_id)

    async def _count(self, assistant_id: str) -> int:
        counter = await self._moves.find_one_and_update(
            {"_id": assistant_id}, {"$inc": {"last": 1}}, upsert=True, return_document=ReturnDocument.AFTER
        )
        return int(counter["last"]) if counter else 0


def _key(assistant_id: str, conversation_id: str) -> str:
    return f"{assistant_id}/{conversation_id}"
