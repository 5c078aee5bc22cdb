"""`svc_message.domain.erasure.Erasures` on MongoDB."""

from mesh.infrastructure.mongo import Database
from svc_message.domain.conversation import UserId
from svc_message.infrastructure.mongo.schema import ENTRY, MEMBER, OWN, QUIET, SCHEDULED


class MongoErasures:
    """Removes documents; when MongoDB gives their place to others is its own business."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def belongings(self, user_id: UserId) -> None:
        """See the port. Messages that wait go first, so that none is sent while the rest goes."""
        with self._database.writing():
            await self._database.collection(SCHEDULED).delete_many({"u": user_id})
            await self._database.collection(QUIET).delete_one({"_id": user_id})
            await self._database.collection(OWN).delete_many({"u": user_id})

    async def personal_log(self, user_id: UserId) -> None:
        """See the port."""
        with self._database.writing():
            await self._database.collection(ENTRY).delete_many({"c": user_id})
            await self._database.collection(MEMBER).delete_many({"c": user_id})
