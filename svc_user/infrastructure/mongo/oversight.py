"""`svc_user.domain.oversight.Oversight` on MongoDB: fields of the account, so that each change is one write.

What is erased beside the account, devices and the words of friend requests, is erased before it: a process that ends in
between leaves an account that can be erased again.
"""

from dataclasses import asdict, replace
from typing import Any, Final

from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from mesh.infrastructure.mongo import Database, Document
from mesh.infrastructure.mongo_roots import Roots, Write
from svc_user.domain.account import Profile, UserId, UserKind, UserState
from svc_user.domain.oversight import AccountStatus, Overseen, Wanted
from svc_user.domain.ports import Stale
from svc_user.domain.session import Device
from svc_user.infrastructure.mongo.accounts import FIELDS, GONE, LAST_CHARACTER, name_hash, to_account
from svc_user.infrastructure.mongo.sessions import sessions_of

STATUS: Final = ("state", "admin", "suspended_until_ms", "suspension_reason")


async def create_oversight(database: AsyncDatabase[Document]) -> None:
    """A migration step."""
    await database["account"].create_indexes(
        [
            IndexModel([("state", 1), ("username", 1)]),
            IndexModel("suspended_until_ms", sparse=True),
            IndexModel("admin", sparse=True),
        ]
    )


class MongoOversight:
    """The part of accounts that administrators change."""

    def __init__(self, database: Database, roots: Roots) -> None:
        self._database = database
        self._accounts = database.collection("account")
        self._roots = roots

    async def status(self, user_id: UserId) -> AccountStatus | None:
        """See the port."""
        with self._database.reading():
            found = await self._accounts.find_one({"_id": user_id, "username": {"$exists": True}}, STATUS)
        return _status(found) if found else None

    async def find(self, wanted: Wanted) -> list[Overseen]:
        """See the port."""
        name = {"$gte": wanted.prefix, "$lt": wanted.prefix + LAST_CHARACTER, "$gt": wanted.after}
        where: Document = {"username": name}
        if wanted.state is not None:
            where["state"] = int(wanted.state)
        if wanted.admins_only:
            where["admin"] = True
        with self._database.reading():
            found = await self._accounts.find(where, (*FIELDS, *STATUS)).sort("username").limit(wanted.limit).to_list()
        return [Overseen(to_account(one), _status(one)) for one in found]

    async def keep(self, before: AccountStatus, after: AccountStatus) -> None:
        """See the port."""

        def decide(root: Document) -> Write:
            if "username" not in root or _status(root) != before:
                raise Stale
            fields: dict[str, Any] = {
                "state": int(after.state),
                "admin": True if after.admin else None,
                "suspended_until_ms": after.suspended_until_ms or None,
                "suspension_reason": after.suspension_reason or None,
            }
            if after.state is not before.state:
                fields["version"] = root["version"] + 1
            return Write(fields)

        await self._roots.change(before.user_id, decide)

    async def due(self, now_ms: int, limit: int) -> list[AccountStatus]:
        """See the port."""
        where = {"suspended_until_ms": {"$gt": 0, "$lte": now_ms}, "state": int(UserState.SUSPENDED)}
        with self._database.reading():
            found = await self._accounts.find(where, STATUS).limit(limit).to_list()
        return [_status(one) for one in found]

    async def erase(self, user_id: UserId) -> None:
        """See the port."""
        await self._reserve(user_id)
        with self._database.writing():
            await self._database.collection("push_target").delete_many({"user_id": user_id})
            await self._database.collection("device").delete_many({"user_id": user_id})
            for whose in ("sender_id", "receiver_id"):
                words = {"$set": {"greeting": "", "remark": ""}}
                await self._database.collection("friend_request").update_many({whose: user_id}, words)
            await self._erase_pairs(user_id)
        await self._roots.change(user_id, _erased)

    async def people_after(self, user_id: UserId, limit: int) -> list[UserId]:
        """See the port."""
        where = {"_id": {"$gt": user_id}, "kind": int(UserKind.PERSON), "state": int(UserState.ACTIVE)}
        with self._database.reading():
            found = await self._accounts.find(where, {"_id": 1}).sort("_id").limit(limit).to_list()
        return [one["_id"] for one in found]

    async def _reserve(self, user_id: UserId) -> None:
        """Nobody gets the name between its leaving the account and its being noted."""
        with self._database.reading():
            found = await self._accounts.find_one({"_id": user_id}, {"username": 1})
        if found and found["username"] != user_id:
            with self._database.writing():
                key = {"_id": name_hash(found["username"])}
                await self._database.collection(GONE).update_one(key, {"$set": {"taken": True}}, upsert=True)

    async def _erase_pairs(self, user_id: UserId) -> None:
        """What the user keeps about others, and the words of requests."""
        pairs = self._database.collection("pair")
        for side in ("low", "high"):
            words = {"$set": {f"{side}.remark": "", f"{side}.tags": []}}
            await pairs.update_many({f"{side}.owner_id": user_id}, words)
        for way in ("up", "down"):
            for whose in ("sender_id", "receiver_id"):
                words = {"$set": {f"{way}.greeting": "", f"{way}.remark": ""}}
                await pairs.update_many({f"{way}.{whose}": user_id}, words)


def _erased(root: Document) -> Write:
    if root.get("username") in (None, root["_id"]):
        return Write({})
    bare = [replace(one, device=Device(one.device.platform), last_address="") for one in sessions_of(root)]
    nothing = dict.fromkeys(("admin", "suspended_until_ms", "suspension_reason", "registration", "devices", "privacy"))
    fields: dict[str, Any] = {
        "username": root["_id"],
        "password_hash": "",
        "state": int(UserState.DELETED),
        "profile": asdict(Profile("")),
        "sessions": [asdict(one) for one in bare] or None,
        **nothing,
    }
    return Write(fields)


def _status(found: Document) -> AccountStatus:
    return AccountStatus(
        found["_id"],
        UserState(found["state"]),
        bool(found.get("admin")),
        found.get("suspended_until_ms") or 0,
        found.get("suspension_reason") or "",
    )
