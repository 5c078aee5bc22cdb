"""`svc_user.domain.deletion.Deletions` on MongoDB: all that is erased stands in the root of the account."""

from collections.abc import Sequence
from dataclasses import asdict

from mesh.infrastructure.mongo import Database, Document
from mesh.infrastructure.mongo_roots import Roots, Write
from svc_user.domain.account import Account, UserId
from svc_user.domain.deletion import erased
from svc_user.domain.ports import Stale
from svc_user.domain.session import Session
from svc_user.infrastructure.mongo.sessions import all_ended


class MongoDeletions:
    """Accounts with a mark that something of them is left elsewhere."""

    def __init__(self, database: Database, roots: Roots) -> None:
        self._database = database
        self._accounts = database.collection("account")
        self._targets = database.collection("push_target")
        self._roots = roots

    async def begin(self, before: Account, at_ms: int) -> Sequence[Session]:
        """See the port. The push targets go when it is done: none counts without a session."""
        live: list[Session] = []

        def decide(root: Document) -> Write:
            if root.get("version") != before.version or root.get("state") != int(before.state):
                raise Stale
            after, (ended, sessions) = erased(before), all_ended(root, at_ms)
            live[:] = ended
            fields = {"state": int(after.state), "version": after.version, "profile": asdict(after.profile)}
            rest = {"privacy": None, "password_hash": "", "sessions": sessions or None, "devices": None}
            return Write({**fields, **rest, "deleting": at_ms})

        await self._roots.change(before.user_id, decide)
        return live

    async def pending(self, limit: int) -> list[UserId]:
        """See the port."""
        with self._database.reading():
            wanted = self._accounts.find({"deleting": {"$gt": 0}}, {"_id": 1}).sort("deleting").limit(limit)
            return [UserId(one["_id"]) for one in await wanted.to_list()]

    async def done(self, user_id: UserId) -> None:
        """See the port."""
        with self._database.writing():
            await self._targets.delete_many({"user_id": user_id})
        await self._roots.change(user_id, lambda _: Write({"deleting": None}))
