"""How assistants behave, in MongoDB: a document for each conversation, changed from its last version only."""

from dataclasses import asdict

from pymongo.errors import DuplicateKeyError

from mesh.infrastructure.mongo import Database
from svc_ai.domain.settings import AssistantSettings, ReplyMode


class MongoSettings:
    """`svc_ai.domain.settings.SettingsStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._settings = database.collection("settings")

    async def load(self, assistant_id: str, conversation_id: str) -> AssistantSettings:
        """See the port."""
        with self._database.reading():
            found = await self._settings.find_one({"_id": _key(assistant_id, conversation_id)}, {"_id": 0})
        if found is None:
            return AssistantSettings()
        return AssistantSettings(
            **(found | {"reply_mode": ReplyMode(found["reply_mode"]), "tools": tuple(found["tools"])})
        )

    async def save(self, assistant_id: str, conversation_id: str, settings: AssistantSettings) -> bool:
        """See the port."""
        fields = asdict(settings) | {"reply_mode": int(settings.reply_mode), "tools": list(settings.tools)}
        before = {"_id": _key(assistant_id, conversation_id), "version": settings.version - 1}
        with self._database.writing():
            try:
                # The first version has nothing before it; where something is there already, its key is taken.
                change = await self._settings.update_one(before, {"$set": fields}, upsert=settings.version == 1)
            except DuplicateKeyError:
                return False
        return change.matched_count > 0 or change.upserted_id is not None


def _key(assistant_id: str, conversation_id: str) -> str:
    return f"{assistant_id}/{conversation_id}"
