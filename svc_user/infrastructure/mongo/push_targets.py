"""`svc_user.domain.push.PushTargets` on MongoDB.

A target is a document under the hash of its provider and token, so a token belongs to one device whoever writes at
the same time. A session may for a moment have two, of which the one that was set last counts.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any

from pymongo.errors import DuplicateKeyError

from mesh.infrastructure.mongo import Database, Document, pieces
from svc_user.domain.account import UserId
from svc_user.domain.push import MAX_TARGETS, PushTarget
from svc_user.domain.session import SessionId
from svc_user.infrastructure.mongo.accounts import CHUNK


class MongoPushTargets:
    """One collection; whether a session is live stands in the account."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._targets = database.collection("push_target")
        self._accounts = database.collection("account")

    async def keep(self, target: PushTarget) -> None:
        """See the port."""
        key = _key(target.provider, target.token)
        with self._database.writing():
            try:
                await self._targets.replace_one({"_id": key}, asdict(target), upsert=True)
            except DuplicateKeyError:  # two devices named it at once: one of them comes second
                await self._targets.replace_one({"_id": key}, asdict(target))
            await self._targets.delete_many({"session_id": target.session_id, "_id": {"$ne": key}})
        await self._forget_old(target.user_id)

    async def remove(self, session_id: SessionId) -> None:
        """See the port."""
        with self._database.writing():
            await self._targets.delete_many({"session_id": session_id})

    async def forget(self, user_id: UserId, provider: int, token: str) -> None:
        """See the port."""
        with self._database.writing():
            await self._targets.delete_one({"_id": _key(provider, token), "user_id": user_id})

    async def of(self, user_ids: Collection[UserId], now_ms: int) -> dict[UserId, list[PushTarget]]:
        """See the port."""
        found: dict[UserId, list[PushTarget]] = {}
        for some in pieces(user_ids, CHUNK):
            live = await self._live(some, now_ms)
            by_user: dict[UserId, dict[SessionId, PushTarget]] = defaultdict(dict)
            for target in await self._read(some):
                if target.session_id in live:
                    by_user[target.user_id].setdefault(target.session_id, target)
            found |= {user_id: list(targets.values())[:MAX_TARGETS] for user_id, targets in by_user.items()}
        return found

    async def _read(self, user_ids: Sequence[UserId]) -> list[PushTarget]:
        newest_first = [("set_at_ms", -1), ("session_id", 1)]
        with self._database.reading():
            found = await self._targets.find({"user_id": {"$in": user_ids}}, {"_id": 0}).sort(newest_first).to_list()
        return [_target(one) for one in found]

    async def _live(self, user_ids: Sequence[UserId], now_ms: int) -> set[str]:
        wanted = {"session_id": 1, "ended_at_ms": 1, "expires_at_ms": 1}
        fields = {f"sessions.{name}": 1 for name in wanted}
        with self._database.reading():
            roots = await self._accounts.find({"_id": {"$in": user_ids}}, fields).to_list()
        sessions = [one for root in roots for one in root.get("sessions", ())]
        return {one["session_id"] for one in sessions if not one["ended_at_ms"] and one["expires_at_ms"] > now_ms}

    async def _forget_old(self, user_id: UserId) -> None:
        """Remove what belongs to sessions that have ended, so that no more is kept than a user may have sessions."""
        live = await self._live([user_id], 0)
        with self._database.writing():
            await self._targets.delete_many({"user_id": user_id, "session_id": {"$nin": list(live)}})


def _key(provider: int, token: str) -> str:
    return hashlib.sha256(f"{provider} {token}".encode()).hexdigest()


def _target(found: Document) -> PushTarget:
    values: dict[str, Any] = found
    return PushTarget(**values)
