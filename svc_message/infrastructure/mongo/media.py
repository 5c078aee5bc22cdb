"""`svc_message.domain.media.ports.MediaRecords` on MongoDB: a document for each media, in `media`.

o owner · r request id · s state · t due at, ms, without it never · v revision · b bytes of the owner's room, without it
none · h SHA-256 as uploaded · a the rest. `_id` is the media.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from pymongo import ASCENDING as UP
from pymongo import DESCENDING as DOWN
from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from mesh.infrastructure.mongo import Database, Document
from svc_message.domain.conversation import UserId
from svc_message.domain.media import rules as media_rules
from svc_message.domain.media.file import Claim, Media, MediaLimits, MediaState, Room
from svc_message.infrastructure.media.documents import document_of, media_of

MEDIA: Final = "media"

SUM: Final = {
    "_id": None,
    "used": {"$sum": "$b"},
    "uploads": {"$sum": {"$cond": [{"$in": ["$s", [int(MediaState.UPLOADING), int(MediaState.PROCESSING)]]}, 1, 0]}},
    "files": {"$sum": 1},
}


async def create_media(database: AsyncDatabase[Document]) -> None:
    """The step of the schema."""
    await database[MEDIA].create_indexes(
        [
            IndexModel([("o", UP), ("r", UP)], name="request", unique=True),
            IndexModel([("o", UP), ("h", UP)], name="same"),
            IndexModel([("o", UP), ("b", UP)], name="room", partialFilterExpression={"b": {"$exists": True}}),
            IndexModel([("t", UP)], name="due", sparse=True),
        ]
    )


class MongoMediaRecords:
    """A document for each media."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._media = database.collection(MEDIA)

    async def begin(self, media: Media, limits: MediaLimits) -> Media:
        """See the port. The document is there before the room is counted: of two at once, each counts the other."""
        with self._database.writing():
            try:
                await self._media.insert_one(document_of_media(media))
            except DuplicateKeyError:
                known = await self._media.find_one({"o": media.owner_id, "r": media.request_id})
                if known is None:
                    raise  # an id that is taken, or a record that has just been forgotten: the caller tries again
                return media_of_document(known)
        refusal = media_rules.refuse_room(await self.room(media.owner_id), limits)
        if refusal is not None:
            await self.forget(media)
            raise refusal
        return media

    async def find(self, media_id: str) -> Media | None:
        """See the port."""
        with self._database.reading():
            found = await self._media.find_one({"_id": media_id})
        return media_of_document(found) if found else None

    async def same(self, owner_id: UserId, claim: Claim) -> Media | None:
        """See the port."""
        wanted = {"o": owner_id, "h": claim.sha256, "s": int(MediaState.READY)}
        with self._database.reading():
            found = await self._media.find(wanted).sort("_id", DOWN).to_list()
        sought, kept = (claim.purpose, claim.size_bytes), map(media_of_document, found)
        return next((one for one in kept if (one.claim.purpose, one.claim.size_bytes) == sought), None)

    async def change(self, media: Media) -> Media | None:
        """See the port."""
        fresh = replace(media, revision=media.revision + 1)
        with self._database.writing():
            done = await self._media.replace_one({"_id": media.media_id, "v": media.revision}, document_of_media(fresh))
        return fresh if done.matched_count else None

    async def due(self, now_ms: int, limit: int) -> list[Media]:
        """See the port."""
        with self._database.reading():
            found = await self._media.find({"t": {"$lte": now_ms}}).sort("t", UP).limit(limit).to_list()
        return [media_of_document(one) for one in found]

    async def room(self, owner_id: UserId) -> Room:
        """See the port."""
        steps: list[Mapping[str, Any]] = [{"$match": {"o": owner_id, "b": {"$exists": True}}}, {"$group": SUM}]
        with self._database.reading():
            found = await (await self._media.aggregate(steps)).to_list()
        return Room(*(int(found[0][name]) for name in ("used", "uploads", "files"))) if found else Room(0, 0, 0)

    async def forget(self, media: Media) -> None:
        """See the port."""
        with self._database.writing():
            await self._media.delete_one({"_id": media.media_id, "v": media.revision})


def document_of_media(media: Media) -> Document:
    """What is kept of a media."""
    document: Document = {
        "_id": media.media_id,
        "o": media.owner_id,
        "r": media.request_id,
        "s": int(media.state),
        "v": media.revision,
        "h": media.claim.sha256,
        "a": document_of(media),
    }
    if media.due_at_ms:
        document["t"] = media.due_at_ms
    if media.charged:
        document["b"] = media.charged
    return document


def media_of_document(document: Document) -> Media:
    """The media of a document."""
    return media_of(
        document["_id"],
        document["o"],
        document["r"],
        document["s"],
        document.get("t", 0),
        document["v"],
        document["a"],
    )
