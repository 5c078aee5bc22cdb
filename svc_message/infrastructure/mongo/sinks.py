"""`svc_message.domain.outside.sink.SinkPlaces` and `Letters` on MongoDB.

`sink`, one document a sink: _id name · p place
`letter`, one document a letter: _id · s sink · c conversation · q seq · y why · n tries · a at, ms · u subject
    w true, as long as it is to be sent again
"""

from collections.abc import Collection
from typing import Any, Final

from pymongo import ASCENDING as UP
from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from mesh.infrastructure.mongo import Database, Document, pieces
from svc_message.domain.conversation import ConversationId, Seq
from svc_message.domain.outside.sink import MAX_LETTERS, Letter

SINK: Final = "sink"
LETTER: Final = "letter"

SOME: Final = 500
"""Letters of one call."""


async def create_sinks(database: AsyncDatabase[Document]) -> None:
    """A migration step."""
    await database[LETTER].create_indexes(
        [
            IndexModel([("s", UP), ("_id", UP)], name="of_sink"),
            IndexModel([("w", UP), ("s", UP)], name="wished", partialFilterExpression={"w": True}),
        ]
    )


class MongoSinkPlaces:
    """A document for each sink."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sinks = database.collection(SINK)

    async def load(self, sink: str) -> int | None:
        """See the port."""
        with self._database.reading():
            found = await self._sinks.find_one({"_id": sink})
        return None if found is None else int(found["p"])

    async def save(self, sink: str, place: int) -> None:
        """See the port."""
        with self._database.writing():
            await self._sinks.update_one({"_id": sink}, {"$max": {"p": place}}, upsert=True)


class MongoLetters:
    """A document for each letter."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._letters = database.collection(LETTER)

    async def keep(self, letter: Letter) -> bool:
        """See the port. Two processes at the bound may keep a few more."""
        with self._database.writing():
            others = await self._letters.count_documents({"s": letter.sink, "_id": {"$ne": letter.id}})
            if others >= MAX_LETTERS:
                return False
            await self._letters.replace_one({"_id": letter.id}, _document(letter), upsert=True)
        return True

    async def listed(self, sink: str, limit: int, *, after: str = "") -> list[Letter]:
        """See the port."""
        wanted: Document = {"_id": {"$gt": after}}
        return await self._select(wanted | ({"s": sink} if sink else {}), limit)

    async def wish(self, ids: Collection[str]) -> int:
        """See the port."""
        found = 0
        with self._database.writing():
            for some in pieces(ids, SOME):
                found += (await self._letters.update_many({"_id": {"$in": some}}, {"$set": {"w": True}})).matched_count
        return found

    async def wished(self, sink: str, limit: int) -> list[Letter]:
        """See the port."""
        return await self._select({"w": True, "s": sink}, limit)

    async def drop(self, ids: Collection[str]) -> int:
        """See the port."""
        found = 0
        with self._database.writing():
            for some in pieces(ids, SOME):
                found += (await self._letters.delete_many({"_id": {"$in": some}})).deleted_count
        return found

    async def _select(self, wanted: Document, limit: int) -> list[Letter]:
        with self._database.reading():
            found = await self._letters.find(wanted).sort("_id", UP).limit(limit).to_list()
        return [_letter(one) for one in found]


def _document(letter: Letter) -> Document:
    return {
        "_id": letter.id,
        "s": letter.sink,
        "c": letter.conversation_id,
        "q": letter.seq,
        "y": letter.why,
        "n": letter.tries,
        "a": letter.at_ms,
        "u": letter.subject,
    }


def _letter(one: dict[str, Any]) -> Letter:
    place = ConversationId(one["c"]), Seq(one["q"])
    return Letter(one["_id"], one["s"], *place, one["y"], one["n"], one["a"], one["u"])
