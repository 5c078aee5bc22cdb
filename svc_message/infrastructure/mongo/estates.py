"""`svc_message.domain.media.estate.Estates` on MongoDB.

`estate`, one document a deleted user whose media are to be looked at: _id user · t due at, ms · l the last time
"""

from typing import Final

from pymongo import ASCENDING as UP
from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from mesh.infrastructure.mongo import Database, Document
from svc_message.domain.conversation import UserId
from svc_message.domain.media.estate import Estate
from svc_message.domain.media.file import Media
from svc_message.infrastructure.mongo.media import MEDIA, document_of_media, media_of_document

ESTATE: Final = "estate"


async def create_estates(database: AsyncDatabase[Document]) -> None:
    """The step of the schema."""
    await database[ESTATE].create_indexes([IndexModel([("t", UP)], name="due")])


class MongoEstates:
    """A document for each estate."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._estates = database.collection(ESTATE)
        self._media = database.collection(MEDIA)

    async def put(self, estate: Estate) -> None:
        """See the port."""
        with self._database.writing():
            await self._estates.replace_one({"_id": estate.user_id}, _document(estate), upsert=True)

    async def due(self, now_ms: int, limit: int) -> list[Estate]:
        """See the port."""
        with self._database.reading():
            found = await self._estates.find({"t": {"$lte": now_ms}}).sort("t", UP).limit(limit).to_list()
        return [Estate(UserId(one["_id"]), one["t"], one["l"]) for one in found]

    async def close(self, estate: Estate) -> None:
        """See the port."""
        with self._database.writing():
            await self._estates.delete_one(_document(estate))

    async def leavings(self, user_id: UserId, after: str, limit: int) -> list[Media]:
        """See the port."""
        wanted = {"o": user_id, "r": {"$gt": after}}
        with self._database.reading():
            found = await self._media.find(wanted).sort([("o", UP), ("r", UP)]).limit(limit).to_list()
        return [media_of_document(one) for one in found]

    async def erase(self, media: Media) -> bool:
        """See the port: the document is another one then; when its place is given to others is MongoDB's business."""
        fresh = document_of_media(media) | {"v": media.revision + 1}
        with self._database.writing():
            done = await self._media.replace_one({"_id": media.media_id, "v": media.revision}, fresh)
        return bool(done.matched_count)

    async def scrub(self) -> None:
        """See the port: MongoDB's log of changes is bounded and goes by itself."""


def _document(estate: Estate) -> Document:
    return {"_id": estate.user_id, "t": estate.due_at_ms, "l": estate.last}
