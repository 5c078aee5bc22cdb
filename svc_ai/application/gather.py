"""Gather what an answer rests on: the question as it is now, and what was said before it."""

from collections.abc import Iterable, Sequence
from typing import Final

from mesh.errors import MeshError
from svc_ai.application.answer import Question, answers
from svc_ai.domain.assistant import Assistant
from svc_ai.domain.entry import Entry, EntryKind
from svc_ai.domain.ports import Log
from svc_ai.domain.prompt import MAX_CHARACTERS, Frame
from svc_ai.domain.reading import Histories, Stretch
from svc_ai.domain.reasons import Reason
from svc_ai.domain.settings import DEFAULT_MESSAGES, AssistantSettings, Offer, SettingsStore

PAGE: Final = 500
"""Entries read after a question, to see what became of it."""

SPARE: Final = 3
"""Entries read for each message shown, as some are no messages."""

MAX_PAGES: Final = 5


class Gathering:
    """What was said before is what both the assistant and whoever asked may read: nobody learns from an answer what was
    said before they came, and what they have hidden does not come back in it.
    """

    def __init__(self, log: Log, histories: Histories, settings: SettingsStore, offer: Offer) -> None:
        self._log = log
        self._histories = histories
        self._settings = settings
        self._offer = offer

    async def gather(self, assistant: Assistant, entry: Entry, asked_by: str, again: int = 0) -> Question | None:
        """The question; None when it was recalled or answered, or the assistant has left since.

        `again` is how often it was answered anew before, so that earlier answers to it do not count.
        """
        assistant_id, conversation_id = assistant.user_id, entry.conversation_id
        page = await self._log.read(assistant_id, conversation_id, entry.seq - 1, PAGE)
        asked = still_asked(entry, page.entries, assistant_id, again=again > 0)
        if asked is None:
            return None
        settings = await self._settings.load(assistant_id, conversation_id)
        frame = self._frame(settings)
        before = await self._before(assistant_id, asked, asked_by, frame.messages)
        since = await self._since(asked, asked_by, page.entries)
        return Question(assistant, asked, (*before, *since), asked_by=asked_by, again=again, frame=frame)

    def _frame(self, settings: AssistantSettings) -> Frame:
        messages = settings.context_messages or DEFAULT_MESSAGES
        return Frame(messages, self._offer.wishes(settings), settings.instructions)

    async def _since(self, question: Entry, asked_by: str, entries: Sequence[Entry]) -> list[Entry]:
        """What was said after the question and belongs before it: edits, and late answers that who asks sees too."""
        late = {entry.seq for entry in entries if entry.kind is EntryKind.REPLY and entry.target_seq < question.seq}
        if late:
            stretch = Stretch(question.conversation_id, min(late), max(late))
            late &= {entry.seq for entry in await self._seen(asked_by, stretch) if entry.kind is EntryKind.REPLY}
        return [entry for entry in entries if entry.kind is EntryKind.EDIT or entry.seq in late]

    async def _seen(self, user_id: str, stretch: Stretch) -> tuple[Entry, ...]:
        """What the user sees of a stretch; nothing of a conversation that they are not in."""
        try:
            return (await self._histories.read(user_id, stretch)).entries
        except MeshError as error:
            if error.reason != Reason.CONVERSATION_NOT_FOUND:
                raise
            return ()

    async def _before(self, assistant_id: str, question: Entry, asked_by: str, messages: int) -> list[Entry]:
        """The newest entries before the question, enough for so many messages; nothing for who cannot read it."""
        try:
            first = (await self._histories.place(assistant_id, question.conversation_id)).first_seq
            return await self._read(asked_by, question, first, messages * SPARE)
        except MeshError as error:
            if error.reason != Reason.CONVERSATION_NOT_FOUND:
                raise
            return []

    async def _read(self, user_id: str, question: Entry, first: int, wanted: int) -> list[Entry]:
        found: list[Entry] = []
        last, count, size = question.seq - 1, 0, 0
        for _ in range(MAX_PAGES):
            if last < first or count >= wanted or size > MAX_CHARACTERS:
                break
            stretch = Stretch(question.conversation_id, first, last, min(200, wanted - count), descending=True)
            history = await self._histories.read(user_id, stretch)
            found += (*history.entries, *history.amendments)
            count, size = count + len(history.entries), size + sum(len(entry.text) for entry in history.entries)
            last = history.next_seq
        return found


def still_asked(question: Entry, after: Iterable[Entry], assistant_id: str, *, again: bool) -> Entry | None:
    """The question as it is now; None when it was answered or recalled, or the assistant has left since."""
    found: Entry | None = None
    for entry in after:
        if entry.seq == question.seq and entry.kind is EntryKind.POST:
            found = entry
        elif (found and assistant_id in entry.removed) or (not again and answers(entry, assistant_id, question.seq)):
            return None
    return found
