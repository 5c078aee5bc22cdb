"""Prompts: what a model is shown of a conversation. What people wrote is data in it, never a rule."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from svc_ai.domain.assistant import Profile
from svc_ai.domain.entry import Entry, EntryKind
from svc_ai.domain.settings import DEFAULT_MESSAGES, Wishes
from svc_ai.domain.task import Answer, Task
from svc_ai.domain.text import visible

MAX_CHARACTERS: Final = 24_000
"""All of them together: about 6,000 tokens of English, which the small models take."""

MAX_MESSAGE: Final = 8_000
"""Characters of one message; the rest is cut off and marked."""

NO_TEXT: Final = "(a message without text)"
CUT: Final = " […]"

_TAG: Final = re.compile(r"<(?=\s*/?\s*(?:message|wishes))", re.IGNORECASE)


class Role(StrEnum):
    """Who speaks, in the words of chat models."""

    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Turn:
    """One message. `speaker` is a label such as `Person 1`: a model needs nobody's id."""

    role: Role
    speaker: str
    text: str
    number: int = 0
    """What the model calls it by, from 1 on; 0: it need not."""

    @property
    def content(self) -> str:
        """What the model reads: a person's text in delimiters that the text itself cannot close."""
        if self.role is Role.ASSISTANT:
            return self.text
        number = f' n="{self.number}"' if self.number else ""
        return f'<message{number} from="{self.speaker}">{_TAG.sub("&lt;", self.text)}</message>'


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is asked: its rules, and the turns that it works on; the one to be answered is the last.

    The rules follow from the task and from the wishes of whoever governs the conversation, never from a turn.
    """

    task: Task
    turns: tuple[Turn, ...]
    wishes: Wishes = Wishes()
    keep_to: str = ""
    """Instructions of the conversation, below the rules of the installation."""

    @property
    def instructions(self) -> str:
        """The system part."""
        if not self.keep_to:
            return self.task.rules
        kept = _TAG.sub("&lt;", visible(self.keep_to))
        return (
            f"{self.task.rules}\nBelow these rules, keep to what the members of the chat wish: <wishes>{kept}</wishes>"
        )


@dataclass(frozen=True, slots=True)
class Frame:
    """What a conversation makes of an answer: its length of memory, its wishes, its instructions."""

    messages: int = DEFAULT_MESSAGES
    wishes: Wishes = Wishes()
    keep_to: str = ""


def compose(
    profile: Profile, assistant_id: str, question: Entry, entries: Iterable[Entry], frame: Frame | None = None
) -> Prompt:
    """The prompt for `question` out of `entries`, which may be in any order and hold other kinds than messages."""
    frame = frame or Frame()
    messages = fitting(_messages(question, list(entries)), frame.messages)
    speakers: dict[str, str] = {}
    turns = tuple(_turn(message, assistant_id, speakers) for message in messages)
    return Prompt(Answer(profile), turns, frame.wishes, frame.keep_to)


def messages_of(entries: Iterable[Entry], limit: int | None = MAX_MESSAGE) -> list[Entry]:
    """The messages among entries, by place, as they are now, each cut off at the limit; those without words are left
    out.
    """
    every = list(entries)
    edits = _edits(every)
    posts = {one.seq: one for one in every if one.kind in (EntryKind.POST, EntryKind.REPLY)}
    now = [_as_edited(posts[seq], edits, limit) for seq in sorted(posts)]
    return [one for one in now if one.text != NO_TEXT and not one.wordless]


def _messages(question: Entry, entries: Sequence[Entry]) -> list[Entry]:
    """What was said up to the question, edited texts as they are now, each reply beside what it answers."""
    posts = {one.seq: one for one in entries if one.kind in (EntryKind.POST, EntryKind.REPLY)}
    earlier = [one for one in posts.values() if _place(one) < (question.seq, 0) and one.seq not in _replaced(posts)]
    edits = _edits(entries)
    return [_as_edited(entry, edits) for entry in (*sorted(earlier, key=_place), question)]


def _edits(entries: Iterable[Entry]) -> dict[int, Entry]:
    """The newest edit of each post."""
    edits = sorted((one for one in entries if one.kind is EntryKind.EDIT), key=lambda edit: edit.seq)
    return {edit.target_seq: edit for edit in edits}


def _replaced(posts: dict[int, Entry]) -> set[int]:
    """Answers to which there is a newer one to the same question."""
    answers = sorted(one.seq for one in posts.values() if one.kind is EntryKind.REPLY)
    newest = {(posts[seq].sender_id, posts[seq].target_seq): seq for seq in answers}
    return set(answers) - set(newest.values())


def _place(entry: Entry) -> tuple[int, int]:
    return (entry.target_seq, entry.seq) if entry.kind is EntryKind.REPLY else (entry.seq, 0)


def _as_edited(entry: Entry, edits: dict[int, Entry], limit: int | None = MAX_MESSAGE) -> Entry:
    edit = edits.get(entry.seq)
    now = edit if edit and edit.sender_id == entry.sender_id else entry
    text = visible(now.text).strip() or NO_TEXT
    return replace(entry, text=cropped(text, limit or len(text)), wordless=now.wordless)


def cropped(text: str, limit: int = MAX_MESSAGE) -> str:
    """The text, cut off and marked where it is longer than the limit."""
    return text if len(text) <= limit else text[: limit - len(CUT)] + CUT


def fitting(messages: Sequence[Entry], most: int) -> list[Entry]:
    """The newest messages that fit: the question, and so many before it."""
    fitting: list[Entry] = []
    room = MAX_CHARACTERS
    for message in reversed(messages[-most - 1 :]):
        room -= len(message.text)
        if room < 0:
            break
        fitting.append(message)
    return fitting[::-1]


def _turn(message: Entry, assistant_id: str, speakers: dict[str, str]) -> Turn:
    if message.sender_id == assistant_id:
        return Turn(Role.ASSISTANT, "", message.text)
    speaker = speakers.setdefault(message.sender_id, f"Person {len(speakers) + 1}")
    return Turn(Role.USER, speaker, message.text)
