"""`svc_message.domain.administration.statistics.Statistics` on MongoDB: entries in the order of their own ids.

These begin with the second in which they were made, by the clock of the process that made them. So the latest minute is
left alone: what another process wrote in it may not be there yet. What a stretch adds is one document that is named by
where the stretch begins, so that counting it twice is counting it once.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from bson import ObjectId
from pymongo import UpdateOne

from mesh.infrastructure.mongo import Database, Document
from svc_message.domain.administration.statistics import DAY_MS, DayCount
from svc_message.domain.entry import EntryKind
from svc_message.infrastructure.mongo.schema import ENTRY

LATE_MS: Final = 60_000
FIRST: Final = ObjectId("0" * 24)
NAMES: Final = ("posts", "entries", "conversations")


class MongoStatistics:
    """`counted`, one document: how far. `day_count`, one a day and stretch. `day_user`, one a day and writer."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._entries = database.collection(ENTRY)
        self._counted = database.collection("counted")
        self._days = database.collection("day_count")
        self._users = database.collection("day_user")

    async def count(self, now_ms: int, limit: int) -> bool:
        """See the port."""
        with self._database.reading():
            state = await self._counted.find_one({"_id": "entry"}) or {"reached": FIRST, "until_ms": 0}
            settled = ObjectId.from_datetime(datetime.fromtimestamp((now_ms - LATE_MS) / 1_000, UTC))
            wanted = {"_id": {"$gt": state["reached"], "$lt": settled}}
            fields = {"a": 1, "k": 1, "s": 1, "q": 1}
            found = await self._entries.find(wanted, fields).sort("_id", 1).limit(limit).to_list()
        if found:
            await self._keep(state["reached"], state["until_ms"], found)
        return len(found) == limit

    async def days(self, since_day: int) -> list[DayCount]:
        """See the port."""
        totals: dict[int, Counter[str]] = {}
        with self._database.reading():
            for one in await self._days.find({"day": {"$gte": since_day}}).to_list():
                totals.setdefault(one["day"], Counter()).update({name: one[name] for name in NAMES})
            users = {day: await self._users.count_documents({"day": day}) for day in totals}
        return [
            DayCount(day, total["posts"], total["entries"], users[day], total["conversations"])
            for day, total in sorted(totals.items(), reverse=True)
        ]

    async def counted_until_ms(self) -> int:
        """See the port."""
        with self._database.reading():
            state = await self._counted.find_one({"_id": "entry"})
        return int(state["until_ms"]) if state else 0

    async def _keep(self, before: ObjectId, until_ms: int, found: Sequence[Document]) -> None:
        days, writers = _added(found)
        until_ms = max(until_ms, *(one["a"] for one in found))
        with self._database.writing():
            for day, total in days.items():
                fields = {"day": day, **{name: total[name] for name in NAMES}}
                await self._days.update_one({"_id": f"{day}/{before}"}, {"$set": fields}, upsert=True)
            if writers:
                await self._users.bulk_write([_user(*writer) for writer in writers], ordered=False)
            state = {"reached": found[-1]["_id"], "until_ms": until_ms}
            await self._counted.update_one({"_id": "entry"}, {"$max": state}, upsert=True)


def _added(found: Sequence[Document]) -> tuple[dict[int, Counter[str]], set[tuple[int, str]]]:
    days: dict[int, Counter[str]] = {}
    writers = set()
    for one in found:
        day, post = one["a"] // DAY_MS, one["k"] == EntryKind.POST
        days.setdefault(day, Counter()).update(posts=int(post), entries=1, conversations=int(one["q"] == 1))
        if post:
            writers.add((day, one["s"]))
    return days, writers


def _user(day: int, user_id: str) -> Any:
    return UpdateOne({"_id": f"{day}/{user_id}"}, {"$set": {"day": day}}, upsert=True)
