"""`svc_message.domain.media.gallery.Gallery` on MongoDB: the documents of media, by owner and kind."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from pymongo import ASCENDING as UP
from pymongo import DESCENDING as DOWN
from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from mesh.infrastructure.mongo import Database, Document
from svc_message.domain.conversation import UserId
from svc_message.domain.media.file import Media, MediaKind, MediaState
from svc_message.domain.media.gallery import Stock
from svc_message.infrastructure.mongo.media import MEDIA, media_of_document

KIND: Final = "a.findings.kind"
CHARGED: Final[Mapping[str, Any]] = {"b": {"$exists": True}}


async def index_kinds(database: AsyncDatabase[Document]) -> None:
    """The step of the schema."""
    keys = [("o", UP), (KIND, UP), ("_id", DOWN)]
    await database[MEDIA].create_indexes([IndexModel(keys, name="own", partialFilterExpression=CHARGED)])


class MongoGallery:
    """Documents of one owner."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._media = database.collection(MEDIA)

    async def page(
        self, owner_id: UserId, kinds: Collection[MediaKind], before: str = "", limit: int = 50
    ) -> list[Media]:
        """See the port."""
        return await self._newest({"o": owner_id, KIND: {"$in": sorted(map(int, kinds))}}, before, limit)

    async def uploads(self, owner_id: UserId, before: str = "", limit: int = 50) -> list[Media]:
        """See the port."""
        return await self._newest({"o": owner_id, "s": int(MediaState.UPLOADING)}, before, limit)

    async def stock(self, owner_id: UserId) -> dict[MediaKind, Stock]:
        """See the port."""
        wanted = {"o": owner_id, **CHARGED, KIND: {"$in": sorted(map(int, MediaKind))}}
        counted = {"_id": f"${KIND}", "files": {"$sum": 1}, "bytes": {"$sum": "$b"}}
        with self._database.reading():
            found = await (await self._media.aggregate([{"$match": wanted}, {"$group": counted}])).to_list()
        return {MediaKind(one["_id"]): Stock(int(one["files"]), int(one["bytes"])) for one in found}

    async def _newest(self, wanted: dict[str, Any], before: str, limit: int) -> list[Media]:
        behind = {"_id": {"$lt": before}} if before else {}
        with self._database.reading():
            found = await self._media.find({**wanted, **CHARGED, **behind}).sort("_id", DOWN).limit(limit).to_list()
        return [media_of_document(one) for one in found]
