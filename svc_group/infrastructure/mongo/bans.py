"""`Bans` on MongoDB: documents that follow from their group."""

from collections.abc import Sequence
from dataclasses import asdict

from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from mesh.infrastructure.mongo import Database, Document
from mesh.infrastructure.mongo_roots import Put, Roots
from svc_group.domain.ban import Ban
from svc_group.domain.group import GroupId, UserId


async def create_bans(database: AsyncDatabase[Document]) -> None:
    """A migration step."""
    fields = ["group_id", "lifted", "created_at_ms", "user_id"]
    await database["ban"].create_indexes([IndexModel([(field, 1) for field in fields])])


class MongoBans:
    """Bans of groups."""

    def __init__(self, database: Database, roots: Roots) -> None:
        self._database = database
        self._roots = roots

    async def of_group(self, group_id: GroupId, now_ms: int, before: tuple[int, str], limit: int) -> list[Ban]:
        """See the port."""
        await self._roots.load(group_id)
        wanted = {"$and": [_holds(group_id, now_ms), _before(*before)]}
        with self._database.reading():
            listed = self._database.collection("ban").find(wanted)
            found = await listed.sort([("created_at_ms", -1), ("user_id", -1)]).limit(limit).to_list()
        return [_ban(one) for one in found]

    async def of_users(self, group_id: str, users: Sequence[UserId]) -> dict[UserId, Ban]:
        """The bans of these users; what is pending was carried out before."""
        if not users:
            return {}
        keys = [f"{group_id}/{user_id}" for user_id in users]
        with self._database.reading():
            found = await self._database.collection("ban").find({"_id": {"$in": keys}}).to_list()
        return {ban.user_id: ban for ban in map(_ban, found)}

    async def live(self, group_id: str, now_ms: int, *, wanted: bool) -> int:
        """How many hold; 0 when nobody asks."""
        if not wanted:
            return 0
        with self._database.reading():
            return await self._database.collection("ban").count_documents(_holds(group_id, now_ms))


def ban_put(ban: Ban) -> Put:
    """The document of a ban."""
    return Put("ban", f"{ban.group_id}/{ban.user_id}", asdict(ban))


def _ban(found: Document) -> Ban:
    return Ban(**{name: value for name, value in found.items() if name not in ("_id", "rev")})


def _holds(group_id: str, now_ms: int) -> Document:
    in_time = [{"expires_at_ms": 0}, {"expires_at_ms": {"$gt": now_ms}}]
    return {"group_id": group_id, "lifted": False, "$or": in_time}


def _before(at_ms: int, user_id: str) -> Document:
    if not at_ms:
        return {}
    return {"$or": [{"created_at_ms": {"$lt": at_ms}}, {"created_at_ms": at_ms, "user_id": {"$lt": user_id}}]}
