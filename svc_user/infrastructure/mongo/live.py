"""`svc_user.domain.live.LiveSettingsStore` on MongoDB: a document for each version."""

from typing import Final

from pymongo.errors import DuplicateKeyError

from mesh.infrastructure.mongo import Database
from mesh.live import LiveSettings
from svc_user.domain.ports import Stale
from svc_user.infrastructure import live_document

KEPT: Final = 20


class MongoLiveSettings:
    """The latest version holds; some earlier ones stay, to look at."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._versions = database.collection("live_settings")

    async def latest(self) -> LiveSettings:
        """See the port."""
        with self._database.reading():
            found = await self._versions.find().sort("_id", -1).limit(1).to_list()
        return live_document.decode(found[0]["_id"], found[0]["document"]) if found else LiveSettings()

    async def version(self) -> int:
        """See the port."""
        with self._database.reading():
            found = await self._versions.find({}, {"_id": 1}).sort("_id", -1).limit(1).to_list()
        return int(found[0]["_id"]) if found else 0

    async def keep(self, settings: LiveSettings) -> None:
        """See the port."""
        with self._database.writing():
            try:
                await self._versions.insert_one({"_id": settings.version, "document": live_document.encode(settings)})
            except DuplicateKeyError as error:
                raise Stale from error
            await self._versions.delete_many({"_id": {"$lte": settings.version - KEPT}})
