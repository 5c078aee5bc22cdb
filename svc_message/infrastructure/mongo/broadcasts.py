"""`svc_message.domain.administration.broadcast.Broadcasts` on MongoDB: a document for each."""

from dataclasses import asdict
from typing import Any, Final

from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from mesh.infrastructure.mongo import Database, Document
from svc_message.domain.administration.broadcast import Broadcast, BroadcastState

BROADCAST: Final = "broadcast"


async def create_broadcasts(database: AsyncDatabase[Document]) -> None:
    """A migration step."""
    await database[BROADCAST].create_indexes([IndexModel("request", unique=True), IndexModel("state")])


class MongoBroadcasts:
    """A document for each broadcast."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._broadcasts = database.collection(BROADCAST)

    async def add(self, broadcast: Broadcast) -> Broadcast:
        """See the port."""
        fields: dict[str, Any] = {**asdict(broadcast), "state": int(broadcast.state)}
        fields["_id"] = fields.pop("broadcast_id")
        with self._database.writing():
            try:
                await self._broadcasts.insert_one(fields)
            except DuplicateKeyError:
                found = await self._select({"request": broadcast.request}, 1, 1)
                return found[0] if found else broadcast
        return broadcast

    async def latest(self, limit: int) -> list[Broadcast]:
        """See the port."""
        return await self._select({}, -1, limit)

    async def get(self, broadcast_id: str) -> Broadcast | None:
        """See the port."""
        found = await self._select({"_id": broadcast_id}, 1, 1)
        return found[0] if found else None

    async def running(self) -> list[Broadcast]:
        """See the port."""
        return await self._select({"state": int(BroadcastState.RUNNING)}, 1, 0)

    async def advance(self, before: Broadcast, after: Broadcast) -> bool:
        """See the port."""
        where = {"_id": before.broadcast_id, "state": int(BroadcastState.RUNNING), "reached": before.reached}
        fields = {"state": int(after.state), "reached": after.reached, "written": after.written}
        with self._database.writing():
            return (await self._broadcasts.update_one(where, {"$set": fields})).matched_count == 1

    async def _select(self, where: Document, order: int, limit: int) -> list[Broadcast]:
        with self._database.reading():
            found = await self._broadcasts.find(where).sort("_id", order).limit(limit).to_list()
        return [_broadcast(one) for one in found]


def _broadcast(found: Document) -> Broadcast:
    values = {name: value for name, value in found.items() if name != "_id"}
    return Broadcast(found["_id"], **{**values, "state": BroadcastState(values["state"])})
