"""`svc_message.domain.erasure.Erasures` on MongoDB."""

from mesh.infrastructure.mongo import Database
from svc_message.domain.conversation import UserId
from svc_message.infrastructure.mongo.schema import ENTRY, MEMBER


class MongoErasures:
    """Removes documents; when MongoDB gives their place to others is its own business."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def personal_log(self, user_id: UserId) -> None:
        """See the port."""
        with self._database.writing():
            await self._database.collection(ENTRY).delete_many({"c": user_id})
            await self._database.collection(MEMBER).delete_many({"c": user_id})
