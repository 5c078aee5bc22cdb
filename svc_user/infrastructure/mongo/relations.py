"""`svc_user.domain.ports.Relations` on MongoDB.

A pair is one document, a root: both sides, the latest request each way and the revision change in one write. The
requests as they are listed follow from it. Versions of a friend list are its positions: a reader is never told of a
version before everything up to it can be read.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, Final

from mesh.clock import Clock
from mesh.infrastructure.mongo import Database, Document, unavailable
from mesh.infrastructure.mongo_positions import Positions, Taken
from mesh.infrastructure.mongo_roots import TRIES, Put, Roots, Write
from svc_user.domain.account import UserId
from svc_user.domain.friend import MAX_BLOCKED, MAX_FRIENDS, FriendRequest, FriendRequestId, Pair, Side, Standing
from svc_user.domain.notice import Notice
from svc_user.domain.ports import Entries, RequestQuery, Stale
from svc_user.infrastructure.mongo import documents
from svc_user.infrastructure.mongo.accounts import CHUNK, Encode

SIDES: Final = ("low", "high")
"""Where the side of the lower and of the higher user id stands in the document of a pair."""

UserPair = tuple[UserId, UserId]


class MongoRelations:
    """A document for each pair, one for each request, and one for the versions of each friend list."""

    def __init__(self, database: Database, roots: Roots, clock: Clock, encode: Encode) -> None:
        self._database = database
        self._pairs = database.collection("pair")
        self._requests = database.collection("friend_request")
        self._roots = roots
        self._lists = Positions(database, "friend_list", clock, roots.interrupt)
        self._encode = encode

    async def load(self, me: UserId, other: UserId) -> Pair:
        """See the port."""
        root = await self._roots.load(_pair_id(me, other))
        with self._database.reading():
            my_friends, their_friends, my_blocked = await asyncio.gather(
                self._count(me, {"standing": int(Standing.FRIEND)}, MAX_FRIENDS),
                self._count(other, {"standing": int(Standing.FRIEND)}, MAX_FRIENDS),
                self._count(me, {"blocked_at_ms": {"$gt": 0}}, MAX_BLOCKED),
            )
        return replace(
            documents.pair(root, me, other), my_friends=my_friends, their_friends=their_friends, my_blocked=my_blocked
        )

    async def save(self, before: Pair, after: Pair, notices: Sequence[Notice]) -> Pair:
        """See the port."""
        owes = [self._encode(notice) for notice in notices]
        for _ in range(TRIES):
            root = await self._roots.load(_pair_id(before.mine.owner_id, before.mine.other_id))
            if root.get("revision", 0) != before.revision:
                raise Stale
            taken = await self._take(root["_id"], before, after)
            saved = _versioned(after, taken, before.revision + 1)
            kept = await self._roots.commit(root, _write(before, saved, owes))
            await self._lists.done(*taken)
            if kept:
                return saved
        raise unavailable()

    async def sides(self, pairs: Collection[UserPair]) -> dict[UserPair, Side]:
        """See the port."""
        ids = list({_pair_id(*pair) for pair in pairs})
        found: dict[str, Document] = {}
        for start in range(0, len(ids), CHUNK):
            with self._database.reading():
                some = await self._pairs.find({"_id": {"$in": ids[start : start + CHUNK]}}, SIDES).to_list()
            found |= {one["_id"]: one for one in some}
        return {pair: documents.side(found.get(_pair_id(*pair), {}), *pair) for pair in pairs}

    async def entries(self, owner: UserId, after: int, limit: int, *, removed: bool = False, tag: str = "") -> Entries:
        """See the port. The version is read first: what is kept after that comes again, rather than never."""
        version = await self._lists.settled(owner, after)
        if not limit:
            return Entries((), version)
        worst = Standing.REMOVED if removed else Standing.ENDED_BY_OTHER
        wanted: Document = {"version": {"$gt": after}, "standing": {"$gt": 0, "$lte": int(worst)}}
        if tag:
            wanted["tags"] = tag
        found = await self._select(owner, wanted, [("version", 1)], limit)
        found.sort(key=lambda side: side.version)
        return Entries(tuple(found[:limit]), version)

    async def blocked(self, owner: UserId, before: tuple[int, str] | None, limit: int) -> list[Side]:
        """See the port."""
        at_ms, other = before or (2**62, "")
        found = [
            *await self._select(owner, {"blocked_at_ms": {"$gt": 0, "$lt": at_ms}}, _NEWEST_BLOCK, limit),
            *await self._select(owner, {"blocked_at_ms": at_ms, "other_id": {"$lt": other}}, _NEWEST_BLOCK, limit),
        ]
        found.sort(key=lambda side: (side.blocked_at_ms, side.other_id), reverse=True)
        return found[:limit]

    async def request(self, request_id: FriendRequestId) -> FriendRequest | None:
        """See the port. What its pair has not put yet is put first."""
        found = await self._request(request_id)
        if found is None:
            await self._roots.finish()
        else:
            await self._roots.load(_pair_id(found.sender_id, found.receiver_id))
        return await self._request(request_id)

    async def requests(self, query: RequestQuery) -> list[FriendRequest]:
        """See the port."""
        await self._roots.finish()
        since_ms = max(query.since_ms, query.pending_since_ms or query.since_ms)
        wanted: Document = {
            "receiver_id" if query.incoming else "sender_id": query.user_id,
            "_id": {"$lt": query.before or "g"},
            "created_at_ms": {"$gt": since_ms},
        }
        if query.pending_since_ms is not None:
            wanted |= documents.waiting(incoming=query.incoming)
        with self._database.reading():
            found = await self._requests.find(wanted).sort("_id", -1).limit(query.limit).to_list()
        return [documents.request(one) for one in found]

    async def _take(self, root: str, before: Pair, after: Pair) -> list[Taken]:
        """The next versions of the friend lists that change."""
        owners = [
            new.owner_id
            for old, new in ((before.mine, after.mine), (before.theirs, after.theirs))
            if not new.same_entry(old)
        ]
        return [await self._lists.take(owner, root, await self._lists.newest(owner)) for owner in owners]

    async def _request(self, request_id: FriendRequestId) -> FriendRequest | None:
        with self._database.reading():
            found = await self._requests.find_one({"_id": request_id})
        return documents.request(found) if found else None

    async def _select(self, owner: UserId, wanted: Document, order: list[tuple[str, int]], limit: int) -> list[Side]:
        """Sides of a user, at most `limit` of each half: the user's id is the lower one, or the higher one."""
        found: list[Side] = []
        for half in SIDES:
            sort = [(f"{half}.{field}", direction) for field, direction in order]
            with self._database.reading():
                some = await self._pairs.find(_in_half(half, owner, wanted), [half]).sort(sort).limit(limit).to_list()
            found += [documents.to_side(one[half]) for one in some]
        return found

    async def _count(self, owner: UserId, wanted: Document, limit: int) -> int:
        """How many, but not more than `limit`: whether there is room is all that is asked."""
        found = [await self._pairs.count_documents(_in_half(half, owner, wanted), limit=limit) for half in SIDES]
        return min(sum(found), limit)


_NEWEST_BLOCK: Final = [("blocked_at_ms", -1), ("other_id", -1)]


def _in_half(half: str, owner: UserId, wanted: Document) -> Document:
    return {f"{half}.{field}": value for field, value in {"owner_id": owner, **wanted}.items()}


def _pair_id(one: UserId, other: UserId) -> str:
    return f"{min(one, other)}-{max(one, other)}"


def _versioned(after: Pair, taken: Sequence[Taken], revision: int) -> Pair:
    versions = {UserId(one.list): one.value for one in taken}
    mine, theirs = (
        replace(side, version=versions.get(side.owner_id, side.version)) for side in (after.mine, after.theirs)
    )
    return replace(after, mine=mine, theirs=theirs, revision=revision)


def _write(before: Pair, after: Pair, owes: Sequence[bytes]) -> Write:
    low, high = sorted((after.mine, after.theirs), key=lambda side: side.owner_id)
    fields: dict[str, Any] = {
        "revision": after.revision,
        "low": documents.from_side(low),
        "high": documents.from_side(high),
    }
    changed = [new for old, new in ((before.sent, after.sent), (before.received, after.received)) if new and new != old]
    for request in changed:
        latest = {"_id": request.request_id, **documents.from_request(request)}
        fields["up" if request.sender_id == low.owner_id else "down"] = latest
    puts = [Put("friend_request", one.request_id, documents.from_request(one)) for one in changed]
    return Write(fields, puts, owes)
