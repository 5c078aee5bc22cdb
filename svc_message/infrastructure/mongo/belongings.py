"""`svc_message.domain.belongings.Belongings` on MongoDB."""

from mesh.infrastructure.mongo import Database
from svc_message.domain.conversation import UserId
from svc_message.infrastructure.mongo.schema import OWN, QUIET, SCHEDULED


class MongoBelongings:
    """Documents of three collections. Messages that wait go first, so that none is sent while the rest goes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._scheduled, self._quiet, self._own = (database.collection(name) for name in (SCHEDULED, QUIET, OWN))

    async def forget(self, user_id: UserId) -> None:
        """See the port. Each document goes by itself; whoever dies in between is called again."""
        with self._database.writing():
            await self._scheduled.delete_many({"u": user_id})
            await self._quiet.delete_one({"_id": user_id})
            await self._own.delete_many({"u": user_id})
