"""`WaysIn` on MongoDB."""

from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from mesh.infrastructure.mongo import Database, Document
from mesh.infrastructure.mongo_roots import Roots
from svc_group.domain.group import GroupId, UserId
from svc_group.domain.member import REQUEST_KEPT_MS, REQUESTS_DROPPED, WAITING, JoinRequest, Link
from svc_group.domain.ports import RequestFilter
from svc_group.infrastructure.mongo import documents

_WAITING = sorted(int(state) for state in WAITING)


async def create_dropping(database: AsyncDatabase[Document]) -> None:
    """A migration step: finds the oldest join requests of all groups."""
    await database["join_request"].create_indexes([IndexModel("created_at_ms")])


class MongoWaysIn:
    """Join requests and links."""

    def __init__(self, database: Database, roots: Roots) -> None:
        self._database = database
        self._roots = roots

    async def join_requests(self, wanted: RequestFilter, before: tuple[int, str], limit: int) -> list[JoinRequest]:
        """See the port."""
        await self._roots.finish()
        owner = {"group_id": wanted.group_id} if wanted.group_id else {"user_id": wanted.user_id}
        conditions: Document = {**owner, **_before(*before)}
        if wanted.waiting_since_ms:
            conditions["state"] = {"$in": _WAITING}
            conditions["$and"] = [{"created_at_ms": {"$gte": wanted.waiting_since_ms}}]
        with self._database.reading():
            listed = self._database.collection("join_request").find(conditions)
            found = await listed.sort([("created_at_ms", -1), ("key", -1)]).limit(limit).to_list()
        return [documents.join_request(one) for one in found]

    async def join_request(self, group_id: GroupId, user_id: UserId) -> JoinRequest | None:
        """See the port."""
        await self._roots.load(group_id)
        with self._database.reading():
            found = await self._database.collection("join_request").find_one({"_id": f"{group_id}/{user_id}"})
        return documents.join_request(found) if found else None

    async def link(self, token: str) -> Link | None:
        """See the port."""
        found = await self._link(token)
        if found is None:
            await self._roots.finish()
        else:
            await self._roots.load(found.group_id)
        return await self._link(token)

    async def links(self, group_id: GroupId, creator_id: str, now_ms: int, before: str, limit: int) -> list[Link]:
        """See the port: ids rise with the time."""
        await self._roots.load(group_id)
        conditions: Document = {"group_id": group_id, "revoked_at_ms": 0, "expires_at_ms": {"$gt": now_ms}}
        if creator_id:
            conditions["creator_id"] = creator_id
        if before:
            conditions["_id"] = {"$lt": before}
        with self._database.reading():
            found = await self._database.collection("link").find(conditions).sort("_id", -1).limit(limit).to_list()
        return [documents.link(one) for one in found]

    async def _link(self, token: str) -> Link | None:
        with self._database.reading():
            found = await self._database.collection("link").find_one({"token": token})
        return documents.link(found) if found else None


async def drop_old(database: Database, now_ms: int) -> None:
    """Take the oldest join requests away, so many at most, that nobody asks after any more."""
    old = {"created_at_ms": {"$lt": now_ms - REQUEST_KEPT_MS}}
    requests = database.collection("join_request")
    with database.writing():
        found = await requests.find(old, {"_id": 1}).sort("created_at_ms", 1).limit(REQUESTS_DROPPED).to_list()
        if found:  # one that was made anew meanwhile is not old, and stays
            await requests.delete_many({"_id": {"$in": [one["_id"] for one in found]}, **old})


def _before(at_ms: int, key: str) -> Document:
    if not at_ms:
        return {}
    return {"$or": [{"created_at_ms": {"$lt": at_ms}}, {"created_at_ms": at_ms, "key": {"$lt": key}}]}
