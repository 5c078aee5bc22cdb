"""Heed: which of what is said in a conversation an assistant is to answer there."""

from svc_ai.domain.assistant import is_asked
from svc_ai.domain.entry import Entry, EntryKind
from svc_ai.domain.ports import Log
from svc_ai.domain.reading import People
from svc_ai.domain.settings import ReplyMode, SettingsStore


class Heeding:
    """Asks more of the neighbours only where the settings of a conversation are not the usual ones."""

    def __init__(self, settings: SettingsStore, log: Log, people: People) -> None:
        self._settings = settings
        self._log = log
        self._people = people

    async def mode(self, assistant_id: str, conversation_id: str) -> ReplyMode:
        """When the assistant answers there."""
        return (await self._settings.load(assistant_id, conversation_id)).reply_mode

    async def is_asked(self, entry: Entry, assistant_id: str, mode: ReplyMode) -> bool:
        """Whether it owes an answer to a post of somebody who may ask."""
        if mode is ReplyMode.ALWAYS:
            return is_asked(entry, assistant_id, mode, person=await self._people.is_person(entry.sender_id))
        replied = mode is ReplyMode.MENTION and await self._answers_it(entry, assistant_id)
        return is_asked(entry, assistant_id, mode, replied=replied)

    async def _answers_it(self, entry: Entry, assistant_id: str) -> bool:
        if not entry.reply_to_seq:
            return False
        page = await self._log.read(assistant_id, entry.conversation_id, entry.reply_to_seq - 1, 1)
        return any(
            one.seq == entry.reply_to_seq and one.sender_id == assistant_id and one.kind is not EntryKind.OTHER
            for one in page.entries
        )
