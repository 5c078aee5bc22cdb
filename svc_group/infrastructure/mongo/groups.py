"""`Groups` on MongoDB: a decision is made again until the group is still the one that it saw.

Changes of one group follow each other; those of different groups do not wait for each other.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, TypeVar
from weakref import WeakValueDictionary

from mesh.clock import Clock
from mesh.infrastructure.mongo import Database, Document, unavailable
from mesh.infrastructure.mongo_positions import Positions
from mesh.infrastructure.mongo_roots import TRIES, KeyTaken, Put, Roots, Write
from svc_group.domain.changes import Change, Remembered
from svc_group.domain.group import Group, GroupId, UserId
from svc_group.domain.member import GroupView
from svc_group.domain.ports import Changed, Decide, Decision, Mark, Need, Scene
from svc_group.infrastructure import entries
from svc_group.infrastructure.mongo import documents
from svc_group.infrastructure.mongo.bans import ban_put
from svc_group.infrastructure.mongo.scene import Scenes
from svc_group.infrastructure.mongo.ways_in import drop_old

T = TypeVar("T")

REMEMBERED_MS: Final = 24 * 3_600_000
"""How long the answer to a request id is kept, as the contract says."""

LIST: Final = "change"
"""The collection of the positions, and the one list in it: all changes of the store."""


class MongoGroups:
    """Groups with their members, and what they owe to the logs."""

    def __init__(self, database: Database, roots: Roots, clock: Clock) -> None:
        self._database = database
        self._roots = roots
        self._clock = clock
        self._scenes = Scenes(database, roots)
        self._changes = Positions(database, LIST, clock, roots.interrupt)
        self._turns: WeakValueDictionary[tuple[str, str, str], asyncio.Lock] = WeakValueDictionary()

    async def change(self, need: Need, decide: Decide[T]) -> T:
        """See the port. In one process those who change the same wait for each other instead of beginning again."""
        async with self._turn(need):
            for _ in range(TRIES):
                newest = await self._changes.newest(LIST)
                root, scene = await self._scenes.load(need, self._clock.now_ms())
                decision = decide(scene)
                if decision.change == Change() or await self._kept(root, decision, newest):
                    return decision.answer
        raise unavailable()

    async def look(self, need: Need, judge: Callable[[Scene], T]) -> T:
        """See the port."""
        _, scene = await self._scenes.load(need, self._clock.now_ms())
        return judge(scene)

    async def view(self, group_id: GroupId, user_id: UserId) -> GroupView | None:
        """See the port."""
        group = documents.group(await self._roots.load(group_id))
        if group is None:
            return None
        places = await self._scenes.places(group_id, [user_id])
        return GroupView(group, places.get(user_id), await self._acknowledged(group))

    async def of_user(self, user_id: UserId, after: Mark, limit: int) -> Changed:
        """See the port. The newest position is read first: what is kept after that comes again, rather than never."""
        newest = await self._changes.settled(LIST, after.change)
        await self._roots.finish()
        places = await self._places(user_id, after.change)
        with self._database.reading():
            teams = self._database.collection("team")
            found = await teams.find({"_id": {"$in": list(places)}}, {"change": 1}).to_list()
        marks = [Mark(max(team.get("change", 0), places[team["_id"]]["change"]), team["_id"]) for team in found]
        wanted = sorted((mark.change, mark.group_id) for mark in marks)
        later = [Mark(*one) for one in wanted if one > (after.change, after.group_id)][:limit]
        views = [(mark, await self._view(places[mark.group_id])) for mark in later]
        return Changed([(mark, view) for mark, view in views if view is not None], newest)

    async def _kept(self, root: Document, decision: Decision[Any], newest: int) -> bool:
        """Whether the change is kept: not if the group changed meanwhile."""
        change = decision.change
        key = _root_of(change) or root["_id"]
        if key != root["_id"]:
            root = await self._roots.load(key)
        if change.remembered is not None:
            await self._forget(change.remembered.at_ms - REMEMBERED_MS)
        if change.join_requests:
            await drop_old(self._database, self._clock.now_ms())
        taken = await self._changes.take_near_time(LIST, key, newest)
        try:
            kept = await self._roots.commit(root, _write(root, change, taken.value))
        except KeyTaken:  # another process made this group: what it keeps is what this request is answered with
            await self._roots.finish()
            kept = False
        await self._changes.done(taken)
        return kept

    async def _forget(self, oldest_ms: int) -> None:
        """Let request ids be used again."""
        with self._database.writing():
            await self._database.collection("remembered").delete_many({"at_ms": {"$lt": oldest_ms}})
            await self._database.collection("team").update_many(
                {"founded_at_ms": {"$lt": oldest_ms}}, {"$unset": {"founding": "", "founded_at_ms": ""}}
            )

    async def _places(self, user_id: UserId, after: int) -> dict[str, Document]:
        """Where the user is, and where they were until after this position; by group."""
        wanted = {"user_id": user_id, "$or": [{"ended": 0}, {"change": {"$gt": after}}]}
        with self._database.reading():
            found = await self._database.collection("member").find(wanted).to_list()
        return {one["group_id"]: one for one in found}

    async def _view(self, place: Document) -> GroupView | None:
        group = documents.group(await self._roots.load(place["group_id"]))
        return GroupView(group, documents.member(place), await self._acknowledged(group)) if group else None

    async def _acknowledged(self, group: Group) -> int:
        if group.announcement is None or not group.announcement.required_reading:
            return 0
        wanted = {"group_id": group.id, "ended": 0, "acknowledged": {"$gte": group.announcement.number}}
        with self._database.reading():
            return await self._database.collection("member").count_documents(wanted)

    def _turn(self, need: Need) -> asyncio.Lock:
        return self._turns.setdefault((need.group_id or "", need.token, need.link_id), asyncio.Lock())


def _root_of(change: Change) -> str:
    """The group that a change is about; a change of none is about the request that it remembers."""
    about = [change.group.id] if change.group else []
    about += [one.group_id for one in (*change.members, *change.join_requests, *([change.link] if change.link else ()))]
    about += [ban.group_id for ban in change.bans]
    if about:
        return about[0]
    return documents.request_key(change.remembered.user_id, change.remembered.request_id) if change.remembered else ""


def _write(root: Document, change: Change, position: int) -> Write:
    fields: dict[str, Any] = {}
    if change.group is not None:
        fields |= {"group": documents.team(change.group), "change": position}
    if change.group is not None and change.remembered is not None and "group" not in root:
        fields |= _founding(change.remembered)
    return Write(fields, _puts(change, position), [entries.encode(entry) for entry in change.entries])


def _founding(remembered: Remembered) -> dict[str, Any]:
    key = documents.request_key(remembered.user_id, remembered.request_id)
    return {"founding": key, "founded_at_ms": remembered.at_ms}


def _puts(change: Change, position: int) -> list[Put]:
    puts = [documents.member_put(member, position) for member in change.members]
    puts += [ban_put(ban) for ban in change.bans]
    puts += [documents.join_request_put(request) for request in change.join_requests]
    if change.link is not None:
        puts.append(documents.link_put(change.link))
    if change.remembered is not None:
        puts.append(documents.remembered_put(change.remembered))
    return puts
