"""`svc_message.domain.timing.schedule.Schedules` on MongoDB."""

from typing import Final

from pymongo.errors import DuplicateKeyError

from mesh.infrastructure.mongo import Database, Document
from svc_message.domain.conversation import ConversationId, DeviceId, UserId
from svc_message.domain.timing.schedule import Scheduled
from svc_message.infrastructure.mongo.schema import SCHEDULED

TRIES: Final = 20
"""How often a place is looked for while others take theirs."""


class MongoSchedules:
    """One document a message. Each takes one of the places of its user: so the bound holds without a transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._scheduled = database.collection(SCHEDULED)

    async def add(self, one: Scheduled, most: int) -> Scheduled | None:
        """See the port."""
        with self._database.writing():
            for _ in range(TRIES):
                known = await self._scheduled.find_one(_name(one))
                if known:
                    return _one(known)
                place = await self._free(one.user_id, most)
                if place is None:
                    return None
                if await self._insert(one, place):
                    return one
        return None

    async def of_user(self, user_id: UserId) -> list[Scheduled]:
        """See the port."""
        with self._database.reading():
            found = await self._scheduled.find({"u": user_id}).sort([("a", 1), ("n", 1)]).to_list()
        return [_one(one) for one in found]

    async def cancel(self, user_id: UserId, conversation_id: ConversationId, client_message_id: int) -> bool:
        """See the port."""
        wanted = {"u": user_id, "c": conversation_id, "n": client_message_id, "x": False}
        with self._database.writing():
            return (await self._scheduled.delete_one(wanted)).deleted_count == 1

    async def due(self, now_ms: int, limit: int) -> list[Scheduled]:
        """See the port."""
        with self._database.reading():
            found = await self._scheduled.find({"t": {"$lte": now_ms}}).sort("t", 1).limit(limit).to_list()
        return [_one(one) for one in found]

    async def next_due(self) -> int | None:
        """See the port."""
        with self._database.reading():
            found = await self._scheduled.find_one({}, {"t": 1}, sort=[("t", 1)])
        return None if found is None else int(found["t"])

    async def claim(self, one: Scheduled, now_ms: int, until_ms: int) -> bool:
        """See the port."""
        return await self._set(_this(one) | {"t": {"$lte": now_ms}}, {"x": True, "t": until_ms})

    async def put_off(self, one: Scheduled, claimed_ms: int, until_ms: int, *, cancellable: bool) -> None:
        """See the port."""
        await self._set(_this(one) | {"t": claimed_ms}, {"x": not cancellable, "t": until_ms})

    async def done(self, one: Scheduled) -> None:
        """See the port."""
        with self._database.writing():
            await self._scheduled.delete_one(_this(one))

    async def _set(self, wanted: Document, values: Document) -> bool:
        """Whether there was such a one."""
        with self._database.writing():
            return (await self._scheduled.update_one(wanted, {"$set": values})).matched_count == 1

    async def _free(self, user_id: UserId, most: int) -> int | None:
        taken = {one["o"] async for one in self._scheduled.find({"u": user_id}, {"_id": 0, "o": 1})}
        return next((place for place in range(most) if place not in taken), None)

    async def _insert(self, one: Scheduled, place: int) -> bool:
        """Whether it was kept: the place, or the name, may have been taken meanwhile."""
        try:
            await self._scheduled.insert_one(_this(one) | {"t": one.send_at_ms, "o": place, "x": False})
        except DuplicateKeyError:
            return False
        return True


def _name(one: Scheduled) -> Document:
    return {"u": one.user_id, "c": one.conversation_id, "n": one.client_message_id}


def _this(one: Scheduled) -> Document:
    """Its name may be that of another one by now, that was scheduled when this one had been cancelled."""
    return _name(one) | {"d": one.device_id, "a": one.send_at_ms, "b": one.send}


def _one(found: Document) -> Scheduled:
    return Scheduled(
        UserId(found["u"]), DeviceId(found["d"]), ConversationId(found["c"]), found["n"], found["a"], found["b"]
    )
