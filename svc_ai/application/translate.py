"""Translate a text, or what an entry says to somebody who can read it."""

import hashlib
import json
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from mesh import errors
from svc_ai.application.consult import Consulting
from svc_ai.domain.entry import EntryKind
from svc_ai.domain.outcome import UNKNOWN, translation_of
from svc_ai.domain.prompt import Prompt, Role, Turn, messages_of
from svc_ai.domain.reading import Histories, Stretch
from svc_ai.domain.reasons import Reason
from svc_ai.domain.reply import Usage
from svc_ai.domain.task import Translate
from svc_ai.domain.text import visible

REMEMBERED: Final = 4_000_000
"""Characters of translations that a process remembers, at most 16 MB; those unused for longest go."""


@dataclass(frozen=True, slots=True)
class Translation:
    """A translation, the language that the text was in, and what it cost: nothing when it was known."""

    text: str
    detected_locale: str
    usage: Usage = Usage()


class Translating:
    """Remembers what it translated, so that a message that many read is paid for once by each process.

    What is known is known within a conversation, or to the one user who gave a text: by what it costs nobody learns
    what others have had translated elsewhere.
    """

    def __init__(self, histories: Histories, consulting: Consulting) -> None:
        self._histories = histories
        self._consulting = consulting
        self._known = _Known(REMEMBERED)

    async def entry(self, user_id: str, conversation_id: str, seq: int, target: str, source: str) -> Translation:
        """What an entry says, as it is now.

        Raises CONVERSATION_NOT_FOUND, ENTRY_NOT_FOUND, ENTRY_WITHOUT_TEXT, and what Consulting does.
        """
        history = await self._histories.read(user_id, Stretch(conversation_id, seq, seq, 1))
        [entry] = history.entries or [None]
        if entry is None or entry.seq != seq or entry.kind not in (EntryKind.POST, EntryKind.REPLY):
            raise errors.not_found(Reason.ENTRY_NOT_FOUND, "there is no message with this seq that you can see")
        found = messages_of((*history.entries, *history.amendments), limit=None)
        if not found:
            raise errors.precondition(Reason.ENTRY_WITHOUT_TEXT, "this message has no text, and no caption")
        return await self._translation(user_id, conversation_id, found[0].text, Translate(target, source))

    async def text(self, user_id: str, text: str, target: str, source: str) -> Translation:
        """A text. One in which nothing can be seen stays as it is. Raises what Consulting does."""
        shown = visible(text)
        if not shown.strip():
            return Translation(shown, source or UNKNOWN)
        return await self._translation(user_id, user_id, shown, Translate(target, source))

    async def _translation(self, user_id: str, within: str, text: str, task: Translate) -> Translation:
        key = _key(within, text, task)
        return self._known.find(key) or await self._ask(user_id, text, task, key)

    async def _ask(self, user_id: str, text: str, task: Translate, key: bytes) -> Translation:
        prompt = Prompt(task, (Turn(Role.USER, "Person 1", text),))
        told = await self._consulting.ask(user_id, prompt)
        if told.cut:
            raise errors.deadline(Reason.MODEL_TIMEOUT, "the model did not come to the end of this text; give it less")
        made = Translation(*translation_of(told.text, task.source), told.usage)
        self._known.keep(key, Translation(made.text, made.detected_locale))
        return made


class _Known:
    """Translations by the hash of what was asked."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._known: OrderedDict[bytes, Translation] = OrderedDict()

    def find(self, key: bytes) -> Translation | None:
        found = self._known.get(key)
        if found is not None:
            self._known.move_to_end(key)
        return found

    def keep(self, key: bytes, translation: Translation) -> None:
        if key not in self._known:
            self._known[key] = translation
            self._size += len(translation.text)
        while self._size > self._limit:
            _, gone = self._known.popitem(last=False)
            self._size -= len(gone.text)


def _key(within: str, text: str, task: Translate) -> bytes:
    asked = json.dumps([within, text, task.target.lower(), task.source.lower()])
    return hashlib.sha256(asked.encode()).digest()
