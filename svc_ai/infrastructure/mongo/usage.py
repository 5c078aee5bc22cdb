"""What users used of the model, in MongoDB: a document for each user and day, changed in one step."""

from pymongo.errors import DuplicateKeyError

from mesh.infrastructure.mongo import Database
from svc_ai.domain.reply import Usage
from svc_ai.domain.usage import DayUse


class MongoUsage:
    """Keeps all in one collection. Its ids begin with the day, so that old days are one range and need no index."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._usage = database.collection("usage")

    async def of(self, user_id: str, day: int) -> DayUse:
        """See the port."""
        with self._database.reading():
            found = await self._usage.find_one({"_id": _key(user_id, day)})
        if not found:
            return DayUse()
        cost = found.get("cost_micros", 0)  # days that began before prices were kept
        usage = Usage(found["input_tokens"], found["output_tokens"], found["cached_input_tokens"], cost_micros=cost)
        return DayUse(found["requests"], usage)

    async def add(self, user_id: str, day: int, usage: Usage) -> None:
        """See the port."""
        more = {
            "requests": 1,
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cached_input_tokens": usage.cached_input_tokens,
            "cost_micros": usage.cost_micros,
        }
        with self._database.writing():
            try:
                await self._usage.update_one({"_id": _key(user_id, day)}, {"$inc": more}, upsert=True)
            except DuplicateKeyError:  # another process made the document at the same moment
                await self._usage.update_one({"_id": _key(user_id, day)}, {"$inc": more})

    async def forget_before(self, day: int) -> None:
        """See the port."""
        with self._database.writing():
            await self._usage.delete_many({"_id": {"$lt": _key("", day)}})


def _key(user_id: str, day: int) -> str:
    return f"{day:08d}/{user_id}"
