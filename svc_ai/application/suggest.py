"""Suggest what somebody could write next in a conversation."""

from dataclasses import dataclass
from typing import Final

from svc_ai.application.consult import Consulting
from svc_ai.domain.entry import Entry
from svc_ai.domain.outcome import suggestions_of
from svc_ai.domain.prompt import Prompt, Role, Turn, fitting, messages_of
from svc_ai.domain.reading import Histories, Stretch
from svc_ai.domain.reply import Usage
from svc_ai.domain.settings import DEFAULT_MESSAGES
from svc_ai.domain.task import Suggest
from svc_ai.domain.text import visible

DEFAULT_COUNT: Final = 3
ENTRIES: Final = 120
"""Entries that are looked at: three for each message shown, as some are no messages."""

YOU: Final = "You"
DRAFT: Final = "You (draft)"


@dataclass(frozen=True, slots=True)
class Suggestions:
    """The best first; they take into account what stands up to `as_of_seq`."""

    texts: list[str]
    as_of_seq: int
    usage: Usage = Usage()


class Suggesting:
    """Reads the latest messages that the user sees. Nothing is sent."""

    def __init__(self, histories: Histories, consulting: Consulting) -> None:
        self._histories = histories
        self._consulting = consulting

    async def suggest(self, user_id: str, conversation_id: str, count: int, draft: str, locale: str) -> Suggestions:
        """Suggestions; none where nothing was said and nothing begun.

        Raises CONVERSATION_NOT_FOUND, and what Consulting does.
        """
        stretch = Stretch(conversation_id, limit=ENTRIES, descending=True)
        history = await self._histories.read(user_id, stretch)
        messages = fitting(messages_of((*history.entries, *history.amendments)), DEFAULT_MESSAGES)
        turns = _turns(messages, user_id)
        if begun := visible(draft).strip():
            turns.append(Turn(Role.USER, DRAFT, begun))
        if not turns:
            return Suggestions([], history.head_seq)
        task = Suggest(count or DEFAULT_COUNT, locale)
        told = await self._consulting.ask(user_id, Prompt(task, tuple(turns)))
        return Suggestions(suggestions_of(told.text, task.count), history.head_seq, told.usage)


def _turns(messages: list[Entry], user_id: str) -> list[Turn]:
    labels = {user_id: YOU}
    return [
        Turn(Role.USER, labels.setdefault(message.sender_id, f"Person {len(labels)}"), message.text)
        for message in messages
    ]
