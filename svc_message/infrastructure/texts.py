"""`svc_message.domain.administration.word_list.WordList` by the word list of the installation."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from google.protobuf.message import Message

from mesh import wire
from mesh.live import Live
from mesh.words import Action, Judgement
from parley.message.v1.entry_pb2 import Content, Entry
from svc_message.domain.administration.word_list import refused
from svc_message.domain.conversation import ConversationId, DeviceId
from svc_message.domain.entry import Draft

Key = tuple[ConversationId, DeviceId, int]

Review = Callable[[Key, str], None]
"""Takes the key of a draft that moderators should look at once it stands, and why. It must not wait."""

NOT_SHOWN: Final = ("_id", "_ids", "_type", "url", "language", "hash", "blurhash", "codec")
"""Ends of the names of fields that hold no words of a user."""


class WordScreen:
    """Looks at every text of a body, and at the copy of the post that it answers."""

    def __init__(self, live: Live, review: Review) -> None:
        self._live = live
        self._review = review

    @property
    def on(self) -> bool:
        """See the port."""
        return self._live.words is not None

    def apply(self, draft: Draft) -> Draft:
        """See the port."""
        entry = Entry.FromString(draft.content)
        found = list(self._judge(entry.content))
        if not found:
            return draft
        worst = max(judgement.action for _, _, judgement in found)
        if worst is Action.BLOCK:
            return draft._replace(refusal=refused())
        if worst is Action.REVIEW:
            classes = dict.fromkeys(name for _, _, judgement in found for name in judgement.classes)
            self._review(draft.key, f"word list: {', '.join(classes)}")
        for part, name, judgement in found:
            setattr(part, name, judgement.masked)
        shown = draft._replace(content=_tail(entry.content))
        if draft.bare:
            entry.content.post.ClearField("reply_preview")
            shown = shown._replace(bare=_tail(entry.content))
        return shown

    def _judge(self, message: Message) -> Iterator[tuple[Message, str, Judgement]]:
        for part, name, text in texts_in(message):
            judgement = self._live.judge(text)
            if judgement is not None:
                yield part, name, judgement


def _tail(content: Content) -> bytes:
    return wire.field(Entry.CONTENT_FIELD_NUMBER, content.SerializeToString())


def texts_in(message: Message) -> Iterator[tuple[Message, str, str]]:
    """The texts in a message and in its parts: whose field, its name, and what it says."""
    for field, value in message.ListFields():
        if field.message_type is not None and not field.message_type.GetOptions().map_entry:
            for part in value if field.is_repeated else (value,):
                yield from texts_in(part)
        elif _shows(field) and not field.is_repeated:
            yield message, field.name, value


def _shows(field: Any) -> bool:
    return field.type == field.TYPE_STRING and not field.name.endswith(NOT_SHOWN)
