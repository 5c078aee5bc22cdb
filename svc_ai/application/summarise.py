"""Sum up a part of a conversation for somebody who can read it."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Final

from mesh import errors
from mesh.clock import Clock
from svc_ai.application.consult import Consulting
from svc_ai.domain.entry import Entry
from svc_ai.domain.outcome import summary_of
from svc_ai.domain.prompt import MAX_CHARACTERS, Prompt, Role, Turn, fitting, messages_of
from svc_ai.domain.reading import Histories, People, Stretch
from svc_ai.domain.reasons import Reason
from svc_ai.domain.reply import Usage
from svc_ai.domain.requests import Answered, Request, Requests, same
from svc_ai.domain.task import Sum

MAX_RANGE: Final = 2_000
"""Entries of one summary, as the contract has it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to sum up, both ends included. An empty locale is that of the user."""

    request_id: str
    conversation_id: str
    from_seq: int
    to_seq: int
    locale: str = ""
    detailed: bool = False


@dataclass(frozen=True, slots=True)
class Summary:
    """A summary and the places that it rests on; `truncated`: older messages of the range were not read."""

    text: str
    source_seqs: list[int]
    truncated: bool
    usage: Usage


class Summarising:
    """What the user cannot see is not read. Nothing is written into the conversation."""

    def __init__(
        self, histories: Histories, people: People, requests: Requests, consulting: Consulting, clock: Clock
    ) -> None:
        self._histories = histories
        self._people = people
        self._requests = requests
        self._consulting = consulting
        self._clock = clock

    async def summarise(self, user_id: str, wanted: Wanted) -> Summary:
        """The summary, the first one for who repeats a request.

        Raises CONVERSATION_NOT_FOUND, RANGE_INVALID when nothing of the range can be read, REQUEST_ID_REUSED, and what
        Consulting does.
        """
        await self._histories.place(user_id, wanted.conversation_id)
        request = Request(user_id, wanted.request_id, _digest(wanted))
        found = await self._requests.find(user_id, wanted.request_id, self._clock.now_ms())
        if found is not None:
            return _decoded(same(request, found))
        summary = await self._made(user_id, wanted)
        answered = Answered(request, json.dumps(asdict(summary)).encode(), self._clock.now_ms())
        return _decoded(same(request, await self._requests.keep(answered)))

    async def _made(self, user_id: str, wanted: Wanted) -> Summary:
        every, whole = await self._read(user_id, wanted)
        messages = fitting(every, MAX_RANGE)
        if not messages:
            raise errors.invalid(Reason.RANGE_INVALID, "between from_seq and to_seq are no messages that you can read")
        labels = _labels(messages)
        turns = [
            Turn(Role.USER, labels[message.sender_id], message.text, number)
            for number, message in enumerate(messages, 1)
        ]
        locale = wanted.locale or await self._people.locale(user_id)
        told = await self._consulting.ask(user_id, Prompt(Sum(locale, wanted.detailed), tuple(turns)))
        names = await self._people.names(frozenset(labels))
        shown = {label: names[sender] for sender, label in labels.items() if sender in names}
        text, seqs = summary_of(told.text, [message.seq for message in messages], shown)
        return Summary(text, seqs, not whole or len(messages) < len(every), told.usage)

    async def _read(self, user_id: str, wanted: Wanted) -> tuple[list[Entry], bool]:
        """The messages of the range, from the newest back to as many as a model takes; whether that is all."""
        found: list[Entry] = []
        last, size = wanted.to_seq, 0
        while last >= wanted.from_seq and size <= MAX_CHARACTERS:
            stretch = Stretch(wanted.conversation_id, wanted.from_seq, last, descending=True)
            history = await self._histories.read(user_id, stretch)
            found += (*history.entries, *history.amendments)
            size += sum(len(one.text) for one in messages_of((*history.entries, *history.amendments)))
            last = history.next_seq
        return messages_of(found), last < wanted.from_seq


def _labels(messages: list[Entry]) -> dict[str, str]:
    """A label for each who wrote: a model needs nobody's id."""
    senders = dict.fromkeys(message.sender_id for message in messages)
    return {sender: f"Person {number}" for number, sender in enumerate(senders, 1)}


def _digest(wanted: Wanted) -> bytes:
    return hashlib.sha256(json.dumps(["summary", asdict(wanted)]).encode()).digest()


def _decoded(answer: bytes) -> Summary:
    fields = json.loads(answer)
    return Summary(**(fields | {"usage": Usage(**fields["usage"])}))
