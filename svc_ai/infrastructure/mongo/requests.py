"""What requests were answered, in MongoDB: a document for each."""

from pymongo.errors import DuplicateKeyError

from mesh.infrastructure.mongo import Database
from svc_ai.domain.requests import KEPT_MS, Answered, Request


class MongoRequests:
    """`svc_ai.domain.requests.Requests`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._requests = database.collection("requests")

    async def find(self, user_id: str, request_id: str, now_ms: int) -> Answered | None:
        """See the port."""
        wanted = {"_id": f"{user_id}/{request_id}", "at_ms": {"$gt": now_ms - KEPT_MS}}
        with self._database.reading():
            found = await self._requests.find_one(wanted)
        if found is None:
            return None
        request = Request(user_id, request_id, bytes(found["digest"]))
        return Answered(request, bytes(found["answer"]), found["at_ms"])

    async def keep(self, answered: Answered) -> Answered:
        """See the port."""
        request, at_ms = answered.request, answered.at_ms
        document = {"digest": request.digest, "answer": answered.answer, "at_ms": at_ms}
        with self._database.writing():
            await self._requests.delete_many({"at_ms": {"$lte": at_ms - KEPT_MS}})
            try:
                await self._requests.insert_one({"_id": f"{request.user_id}/{request.request_id}", **document})
            except DuplicateKeyError:
                return await self.find(request.user_id, request.request_id, at_ms) or answered
        return answered
