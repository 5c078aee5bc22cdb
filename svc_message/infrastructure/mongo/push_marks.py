"""`svc_message.domain.push.marks.PushMarks` on MongoDB.

`push_mark`, one document a node: _id node · p place · a at, ms
`push_told`, one document for each user and what they were told of lately: _id `<user>/<subject>` · q seq · a at, ms
"""

from collections.abc import Collection, Mapping
from typing import Final

from pymongo import ASCENDING as UP
from pymongo import IndexModel, UpdateOne
from pymongo.asynchronous.database import AsyncDatabase

from mesh.infrastructure.mongo import Database, Document, pieces
from svc_message.domain.conversation import Seq, UserId
from svc_message.domain.push.marks import PushMark, Told

MARK: Final = "push_mark"
TOLD: Final = "push_told"

SOME: Final = 500
"""Documents of one call."""


async def create_push_marks(database: AsyncDatabase[Document]) -> None:
    """A migration step."""
    await database[TOLD].create_indexes([IndexModel([("a", UP)], name="at")])


class MongoPushMarks:
    """What was told is written before the mark: a process that ends between the two tells nothing twice."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._marks = database.collection(MARK)
        self._told = database.collection(TOLD)

    async def save(self, node: str, mark: PushMark, told: Mapping[Told, Seq]) -> None:
        """See the port."""
        updates = [
            UpdateOne({"_id": _key(one)}, {"$max": {"q": seq, "a": mark.at_ms}}, upsert=True)
            for one, seq in told.items()
        ]
        with self._database.writing():
            for some in pieces(updates, SOME):
                await self._told.bulk_write(some, ordered=False)
            await self._marks.replace_one({"_id": node}, {"p": mark.place, "a": mark.at_ms}, upsert=True)

    async def all(self) -> dict[str, PushMark]:
        """See the port."""
        with self._database.reading():
            found = await self._marks.find().to_list()
        return {one["_id"]: PushMark(one["p"], one["a"]) for one in found}

    async def drop(self, node: str, mark: PushMark) -> None:
        """See the port."""
        with self._database.writing():
            await self._marks.delete_one({"_id": node, "p": mark.place, "a": mark.at_ms})

    async def told(self, asked: Collection[Told]) -> dict[Told, Seq]:
        """See the port."""
        found: dict[Told, Seq] = {}
        with self._database.reading():
            for some in pieces(list(map(_key, asked)), SOME):
                documents = await self._told.find({"_id": {"$in": some}}).to_list()
                found |= {_told(one["_id"]): Seq(one["q"]) for one in documents}
        return found

    async def forget(self, before_ms: int) -> None:
        """See the port."""
        with self._database.writing():
            await self._told.delete_many({"a": {"$lt": before_ms}})


def _key(one: Told) -> str:
    return f"{one.user_id}/{one.subject}"


def _told(key: str) -> Told:
    user_id, _, subject = key.partition("/")
    return Told(UserId(user_id), subject)
