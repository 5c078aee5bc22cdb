"""`svc_user.domain.ports.Accounts` on MongoDB.

A name and a request id are unique by an index each, and both stand in the document of the account: one write takes
both or none.
"""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from typing import Any, Final

from pymongo.read_concern import ReadConcern

from mesh.infrastructure.mongo import Database, Document
from mesh.infrastructure.mongo_roots import KeyTaken, Roots, Write
from svc_user.domain.account import Account, Profile, UserId, UserKind, UserState
from svc_user.domain.notice import Notice
from svc_user.domain.ports import Registration, Stale, UsernameTaken
from svc_user.domain.privacy import privacy_of

REQUESTS_KEPT_MS: Final = 86_400_000

LAST_CHARACTER: Final = "\U0010ffff"

CHUNK: Final = 500
"""Ids in one question."""

FIELDS: Final = ("username", "kind", "state", "created_at_ms", "version", "profile", "privacy")

GONE: Final = "gone_name"
"""Collection of the hashes of names that are never given again."""

Encode = Callable[[Notice], bytes]


class MongoAccounts:
    """All accounts in one collection, which `MongoSessions` keeps the sessions in."""

    def __init__(self, database: Database, roots: Roots, encode: Encode) -> None:
        self._database = database
        self._accounts = database.collection("account")
        self._roots = roots
        self._encode = encode

    async def add(self, account: Account, password_hash: str, registration: Registration | None) -> None:
        """See the port."""
        if await self._gone(account.username):
            raise UsernameTaken
        fields = {**_fields(account), "password_hash": password_hash}
        if registration is not None:
            await self._forget(registration.created_at_ms - REQUESTS_KEPT_MS)
            act = asdict(registration)
            del act["user_id"]
            fields["registration"] = act
        try:
            await self._roots.change(account.user_id, lambda root: _new(root, fields))
        except KeyTaken as error:
            raise (Stale if await self._repeated(registration) else UsernameTaken) from error

    async def registration(self, request_id: str, since_ms: int) -> Registration | None:
        """See the port."""
        wanted = {"registration.request_id": request_id, "registration.created_at_ms": {"$gte": since_ms}}
        with self._database.reading():
            found = await self._accounts.find_one(wanted, {"registration": 1})
        return Registration(user_id=found["_id"], **found["registration"]) if found else None

    async def get(self, user_ids: Collection[UserId]) -> dict[UserId, Account]:
        """See the port."""
        ids = list(user_ids)
        found: list[Account] = []
        for start in range(0, len(ids), CHUNK):
            some = ids[start : start + CHUNK]
            found += await self._select({"_id": {"$in": some}, "username": {"$exists": True}}, CHUNK)
        return {account.user_id: account for account in found}

    async def named(self, username: str) -> Account | None:
        """See the port."""
        found = await self._select({"username": username}, 1)
        return found[0] if found else None

    async def password_hash(self, user_id: UserId) -> str:
        """See the port."""
        with self._database.reading():
            found = await self._accounts.find_one({"_id": user_id}, {"password_hash": 1})
        return str(found.get("password_hash", "")) if found else ""

    async def starting_with(self, prefix: str, after: str, limit: int) -> list[Account]:
        """See the port. A range and not a pattern: no character of the prefix means anything."""
        return await self._select({"username": {"$gte": prefix, "$lt": prefix + LAST_CHARACTER, "$gt": after}}, limit)

    async def update(self, before: Account, after: Account, notices: Sequence[Notice]) -> None:
        """See the port."""
        owes = [self._encode(notice) for notice in notices]

        def decide(root: Document) -> Write:
            if root.get("version") != before.version:
                raise Stale
            return Write({"version": after.version, "profile": asdict(after.profile)}, owes=owes)

        await self._roots.change(before.user_id, decide)

    async def _select(self, wanted: Document, limit: int) -> list[Account]:
        with self._database.reading():
            found = await self._accounts.find(wanted, FIELDS).sort("username").limit(limit).to_list()
        return [to_account(one) for one in found]

    async def _gone(self, username: str) -> bool:
        with self._database.reading():
            return await self._database.collection(GONE).find_one({"_id": name_hash(username)}) is not None

    async def _forget(self, oldest_ms: int) -> None:
        """Let request ids be used again."""
        with self._database.writing():
            await self._accounts.update_many(
                {"registration.created_at_ms": {"$lt": oldest_ms}}, {"$unset": {"registration": ""}}
            )

    async def _repeated(self, registration: Registration | None) -> bool:
        if registration is None:
            return False
        # Who took the name may be written and not yet on most members: it counts here all the same.
        accounts = self._accounts.with_options(read_concern=ReadConcern("local"))
        with self._database.reading():
            return await accounts.find_one({"registration.request_id": registration.request_id}, {"_id": 1}) is not None


def name_hash(username: str) -> str:
    """What is kept of the name of an erased account."""
    return hashlib.sha256(f"parley gone name {username}".encode()).hexdigest()


def _new(root: Document, fields: Document) -> Write:
    """What makes a root an account; one that is an account stays as it is."""
    if "username" in root:
        raise UsernameTaken
    return Write(fields)


def _fields(account: Account) -> dict[str, Any]:
    return {
        "username": account.username,
        "kind": int(account.kind),
        "state": int(account.state),
        "created_at_ms": account.created_at_ms,
        "version": account.version,
        "profile": asdict(account.profile),
        "privacy": account.privacy.chosen() or None,
    }


def to_account(found: Document) -> Account:
    """The account of a document. An erased one has no name."""
    return Account(
        found["_id"],
        "" if found["state"] == UserState.DELETED else found["username"],
        Profile(**found["profile"]),
        found["created_at_ms"],
        UserKind(found["kind"]),
        UserState(found["state"]),
        found["version"],
        privacy_of(found.get("privacy", {})),
    )
