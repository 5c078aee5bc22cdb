"""Entries whose changes are not made yet.

An append inserts entries and then makes what they change besides. When it dies between the two, the entries are there,
marked: whoever reads what they might have changed looks for such entries first, and makes the changes itself. So a
reader never sees an entry without its effect, whoever wrote it and whatever became of them.
"""

from collections.abc import Collection, Sequence
from typing import Final

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from mesh.infrastructure.mongo import TAKEN, Database, Document, pieces
from svc_message.domain.conversation import ConversationId, UserId
from svc_message.infrastructure.mongo import effects
from svc_message.infrastructure.mongo.effects import Change
from svc_message.infrastructure.mongo.schema import CONVERSATION, ENTRY, MEMBER, WAITING

IDS: Final = 500
"""Conversations of one look."""


class Waiting:
    """Finds them and makes their changes. Errors of the driver pass: each caller has its own way to tell them."""

    def __init__(self, database: Database) -> None:
        self._entries = database.collection(ENTRY)
        self._members = database.collection(MEMBER)
        self._conversations = database.collection(CONVERSATION)

    async def settle(self, ids: Collection[ConversationId]) -> bool:
        """Make what waits in these conversations; whether there was anything."""
        found = False
        for some in pieces(ids, IDS):
            wanted = {"c": {"$in": some}, "w": {"$in": some}}
            # The hint: with the other index that fits, a look would read whole logs.
            entries = await self._entries.find(wanted).hint(WAITING).sort([("c", 1), ("q", 1)]).to_list()
            if entries:
                found = True
                await self._make(entries)
        return found

    async def settle_user(self, user_id: UserId) -> bool:
        """The same in all conversations where something waits that concerns this user."""
        found = await self._entries.find({"w": user_id}, {"_id": 0, "c": 1}).hint(WAITING).to_list()
        return bool(found) and await self.settle({entry["c"] for entry in found})

    async def _make(self, entries: Sequence[Document]) -> None:
        """Make the changes of entries, all that wait in their conversations, oldest first; then unmark them."""
        await self._erase(entries)
        await self._grant(entries)
        await self._change([change for entry in entries for change in effects.changes(entry)])
        done = {"c": {"$in": list({entry["c"] for entry in entries})}, "_id": {"$in": [one["_id"] for one in entries]}}
        await self._entries.update_many(done, {"$unset": {"w": "", "x": ""}})

    async def _erase(self, entries: Sequence[Document]) -> None:
        if erasing := [update for entry in entries for update in effects.tombstones(entry)]:
            await self._entries.bulk_write(erasing)

    async def _grant(self, entries: Sequence[Document]) -> None:
        granting = [update for entry in entries if (update := effects.rights(entry)) is not None]
        if not granting:
            return
        ids = {entry["c"] for entry in entries}
        fresh = [UpdateOne({"_id": id_}, {"$setOnInsert": {"v": 0}}, upsert=True) for id_ in ids]
        try:
            await self._conversations.bulk_write(fresh, ordered=False)
        except BulkWriteError as error:
            _pass_over_taken(error)
        await self._conversations.bulk_write(granting)

    async def _change(self, changes: Sequence[Change]) -> None:
        """Make the members that are not there, then change those that are. In two steps, because a condition on a
        member that another one makes at the same moment would be an attempt to make it twice.
        """
        made = await self._add([change for change in changes if change.adds])
        updates = [change.again() for change in changes if id(change) not in made]
        if updates:
            await self._members.bulk_write(updates)

    async def _add(self, changes: Sequence[Change]) -> set[int]:
        """Make members that are new; return the changes that are made by that, by their `id`."""
        fresh: dict[tuple[str, str], Change] = {}
        for change in changes:
            fresh.setdefault((change.user_id, change.conversation_id), change)
        firsts = list(fresh.values())
        if not firsts:
            return set()
        try:
            result = await self._members.bulk_write([change.first() for change in firsts], ordered=False)
        except BulkWriteError as error:
            _pass_over_taken(error)
            return set()
        return {id(firsts[index]) for index in result.upserted_ids or {}}


def _pass_over_taken(error: BulkWriteError) -> None:
    """Someone made the same thing at the same moment, which is as good. Raises what is anything else."""
    details = error.details or {}
    failures = details.get("writeErrors", ())
    if details.get("writeConcernErrors") or any(one.get("code") != TAKEN for one in failures):
        raise error
