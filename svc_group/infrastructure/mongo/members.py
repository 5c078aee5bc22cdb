"""`Members` on MongoDB."""

import re

from mesh.infrastructure.mongo import Database, Document
from mesh.infrastructure.mongo_roots import Roots
from svc_group.domain.group import GroupId, Role, UserId
from svc_group.domain.member import Member
from svc_group.domain.ports import MemberFilter, Place
from svc_group.infrastructure.mongo import documents


class MongoMembers:
    """Who is in a group."""

    def __init__(self, database: Database, roots: Roots) -> None:
        self._database = database
        self._roots = roots

    async def page(self, group_id: GroupId, wanted: MemberFilter, after: Place, limit: int) -> list[Member]:
        """See the port."""
        await self._roots.load(group_id)
        conditions = {"group_id": group_id, "ended": 0, "$and": [_after(after), *_filter(wanted)]}
        with self._database.reading():
            listed = self._database.collection("member").find(conditions)
            order = [("rank", 1), ("joined_at_ms", 1), ("user_id", 1)]
            found = await listed.sort(order).limit(limit).to_list()
        return [documents.member(one) for one in found]

    async def one(self, group_id: GroupId, user_id: UserId) -> Member | None:
        """See the port."""
        await self._roots.load(group_id)
        with self._database.reading():
            found = await self._database.collection("member").find_one({"_id": f"{group_id}/{user_id}"})
        return documents.member(found) if found else None


def _literally(text: str) -> str:
    """A pattern that is the text; a zero byte may not stand in one as it is."""
    return re.escape(text).replace("\0", "\\x00")


def _after(place: Place) -> Document:
    """What comes later in the list: a tuple that is greater, in the words of MongoDB."""
    same_rank = {"rank": place.rank}
    same_time = {**same_rank, "joined_at_ms": place.joined_at_ms}
    return {
        "$or": [
            {"rank": {"$gt": place.rank}},
            {**same_rank, "joined_at_ms": {"$gt": place.joined_at_ms}},
            {**same_time, "user_id": {"$gt": place.user_id}},
        ]
    }


def _filter(wanted: MemberFilter) -> list[Document]:
    conditions: list[Document] = []
    if wanted.role is not None:
        conditions.append({"rank": Role.OWNER - wanted.role})
    if wanted.text:
        conditions.append({"folded": {"$regex": _literally(wanted.text.casefold())}})
    if wanted.not_acknowledged:
        conditions.append({"acknowledged": {"$lt": wanted.not_acknowledged}})
    if wanted.acknowledged:
        conditions.append({"acknowledged": {"$gte": wanted.acknowledged}})
    return conditions
