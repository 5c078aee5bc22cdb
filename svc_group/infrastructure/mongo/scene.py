"""Reads what a decision has to see: the root first, and what follows from it after that.

So when the root is still the same at the write of the change, everything of the group that was seen is still so.
"""

import asyncio
from collections.abc import Sequence

from mesh.infrastructure.mongo import Database, Document
from mesh.infrastructure.mongo_roots import Roots
from svc_group.domain.changes import Remembered
from svc_group.domain.group import GroupId, Role, UserId
from svc_group.domain.member import JoinRequest, Link, Member
from svc_group.domain.ports import Need, Scene
from svc_group.infrastructure.mongo import documents
from svc_group.infrastructure.mongo.bans import MongoBans


class Scenes:
    """Loads scenes."""

    def __init__(self, database: Database, roots: Roots) -> None:
        self._database = database
        self._roots = roots
        self._bans = MongoBans(database, roots)

    async def load(self, need: Need, now_ms: int) -> tuple[Document, Scene]:
        """The root of the group, and the scene as it stands now."""
        link = await self._known_link(need)
        group_id = link.group_id if link else need.group_id or GroupId("")
        root = await self._roots.load(group_id)
        users = list(dict.fromkeys(need.user_ids))
        places, requests, counts = await asyncio.gather(
            self.places(group_id, users), self._join_requests(group_id, users), self._group_counts(users)
        )
        everyone, admins, remembered, link, live_links = await asyncio.gather(
            self._everyone(group_id, wanted=need.everyone),
            self._admins(group_id, wanted=need.admins),
            self._remembered(need),
            self._link(need),
            self._live_links(group_id, now_ms),
        )
        bans = await self._bans.of_users(group_id, users)
        live_bans = await self._bans.live(group_id, now_ms, wanted=need.bans)
        group = documents.group(root)
        return root, Scene(
            group, places, requests, counts, everyone, admins, remembered, link, live_links, bans, live_bans
        )

    async def places(self, group_id: str, users: Sequence[UserId]) -> dict[UserId, Member]:
        """The places of users."""
        found = await self._of_users("member", group_id, users)
        return {member.user_id: member for member in map(documents.member, found)}

    async def _join_requests(self, group_id: str, users: Sequence[UserId]) -> dict[UserId, JoinRequest]:
        found = await self._of_users("join_request", group_id, users)
        return {request.user_id: request for request in map(documents.join_request, found)}

    async def _of_users(self, collection: str, group_id: str, users: Sequence[UserId]) -> list[Document]:
        if not users:
            return []
        keys = [f"{group_id}/{user_id}" for user_id in users]
        with self._database.reading():
            return await self._database.collection(collection).find({"_id": {"$in": keys}}).to_list()

    async def _group_counts(self, users: Sequence[UserId]) -> dict[UserId, int]:
        if not users:
            return {}
        steps: list[Document] = [
            {"$match": {"user_id": {"$in": list(users)}, "ended": 0}},
            {"$group": {"_id": "$user_id", "count": {"$sum": 1}}},
        ]
        with self._database.reading():
            found = await (await self._database.collection("member").aggregate(steps)).to_list()
        return {one["_id"]: one["count"] for one in found}

    async def _everyone(self, group_id: str, *, wanted: bool) -> list[Member]:
        if not wanted:
            return []
        with self._database.reading():
            found = await self._database.collection("member").find({"group_id": group_id, "ended": 0}).to_list()
        return [documents.member(one) for one in found]

    async def _admins(self, group_id: str, *, wanted: bool) -> list[UserId]:
        if not wanted:
            return []
        above = {"group_id": group_id, "ended": 0, "rank": {"$lt": Role.OWNER - Role.MEMBER}}
        with self._database.reading():
            members = self._database.collection("member").find(above, {"user_id": 1})
            found = await members.sort([("rank", 1), ("joined_at_ms", 1)]).to_list()
        return [one["user_id"] for one in found]

    async def _remembered(self, need: Need) -> Remembered | None:
        if need.request is None:
            return None
        with self._database.reading():
            found = await self._database.collection("remembered").find_one(
                {"_id": documents.request_key(*need.request)}
            )
        return documents.remembered(found) if found else None

    async def _known_link(self, need: Need) -> Link | None:
        """The link that a decision is about; one that is not there may be about to be put."""
        link = await self._link(need)
        if link is None and (need.token or need.link_id):
            await self._roots.finish()
            link = await self._link(need)
        return link

    async def _link(self, need: Need) -> Link | None:
        if not need.token and not need.link_id:
            return None
        wanted = {"token": need.token} if need.token else {"_id": need.link_id}
        with self._database.reading():
            found = await self._database.collection("link").find_one(wanted)
        return documents.link(found) if found else None

    async def _live_links(self, group_id: str, now_ms: int) -> int:
        live = {"group_id": group_id, "revoked_at_ms": 0, "expires_at_ms": {"$gt": now_ms}}
        with self._database.reading():
            return await self._database.collection("link").count_documents(live)
