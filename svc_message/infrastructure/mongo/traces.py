"""`svc_message.domain.media.estate.Traces` on MongoDB."""

from mesh.infrastructure.mongo import Database
from svc_message.domain.conversation import ConversationId, ConversationKind, UserId, kind_of, peer_of
from svc_message.domain.entry import Stored
from svc_message.domain.media.estate import SHOWING
from svc_message.infrastructure.mongo.documents import HEAD, MAX_SEQ, stored_of
from svc_message.infrastructure.mongo.schema import ENTRY, MEMBER
from svc_message.infrastructure.mongo.waiting import Waiting


class MongoTraces:
    """What users left in the one collection of entries."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._entries = database.collection(ENTRY)
        self._members = database.collection(MEMBER)
        self._waiting = Waiting(database)

    async def shared(self, conversation_id: ConversationId, user_id: UserId) -> bool:
        """See the port. Of direct chats the id says it."""
        if kind_of(conversation_id) is ConversationKind.DIRECT:
            return peer_of(conversation_id, user_id) != user_id
        with self._database.reading():
            await self._waiting.settle([conversation_id])
            return await self._members.find_one({"c": conversation_id, "u": {"$ne": user_id}}) is not None

    async def written(self, conversation_id: ConversationId, user_id: UserId, first: int, last: int) -> list[Stored]:
        """See the port."""
        wanted = {
            "c": conversation_id,
            "q": {"$gte": first, "$lte": min(last, MAX_SEQ)},
            "s": user_id,
            "k": {"$in": [int(kind) for kind in SHOWING]},
        }
        with self._database.reading():
            await self._waiting.settle([conversation_id])
            found = await self._entries.find(wanted, HEAD).sort([("c", 1), ("q", 1)]).to_list()
        return [stored_of(one) for one in found]
