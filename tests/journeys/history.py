"""Recorded histories, and the checker that says which promise one breaks.

Texts are unique, so a text names a message. What was sent is recorded by the senders, what was shown by the devices,
and what was stored is read from the log when all is quiet.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise

from parley.message.v1 import entry_pb2
from parley_sdk import ParleyError, Sent
from tests.journeys.people import Device


class Breach(Enum):
    """What can be wrong with a history."""

    LOST = "lost"
    """Acked and not stored, or stored and not shown."""
    REPEATED = "repeated"
    """Twice in the log, or twice on a device."""
    SWAPPED = "swapped"
    """Not in the order of the log, or not in the order in which one device sent."""
    PHANTOM = "phantom"
    """Nobody sent it, or it is another message than the log has there."""
    UNANSWERED = "unanswered"
    """A send without an outcome."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A message that a device tried to send. `seq` is its acked place; 0: nobody knows, or it was refused."""

    device: str
    conversation_id: str
    text: str
    seq: int = 0
    refused: bool = False
    answered: bool = True


@dataclass(frozen=True, slots=True)
class Record:
    """An entry as the log has it or a device showed it; `text` is empty for what is no post."""

    conversation_id: str
    seq: int
    text: str = ""


@dataclass
class History:
    """All that is known of a run. `shown` is what each device showed, in the order in which it did."""

    attempts: list[Attempt] = field(default_factory=list)
    stored: list[Record] = field(default_factory=list)
    shown: dict[str, list[Record]] = field(default_factory=dict)
    repeated: int = 0
    """Sends that had been stored before their ack was lost."""

    async def send(self, device: Device, conversation_id: str, text: str) -> None:
        """Send a message and note what became of it."""
        try:
            sent = await device.client.send(conversation_id, text)
        except ParleyError as error:
            refused = not error.transient
            self.attempts.append(Attempt(device.id, conversation_id, text, refused=refused))
        except asyncio.CancelledError:
            self.attempts.append(Attempt(device.id, conversation_id, text, answered=False))
            raise
        else:
            self.acked(device, text, sent)

    def acked(self, device: Device, text: str, sent: Sent) -> None:
        """Note that a message has its place."""
        self.repeated += sent.duplicate
        self.attempts.append(Attempt(device.id, sent.conversation_id, text, sent.seq))

    def take(self, devices: Iterable[Device], conversations: Iterable[str]) -> None:
        """Note what the devices showed of these conversations."""
        wanted = list(conversations)
        for device in devices:
            self.shown[device.id] = [record(entry) for name in wanted for entry in device.shown[name]]


def record(entry: entry_pb2.Entry) -> Record:
    """Return what matters of an entry."""
    return Record(entry.conversation_id, entry.seq, entry.content.post.body.text.text)


def check(history: History) -> set[Breach]:
    """Return the promises that the history breaks."""
    return {breach for check in _CHECKS for breach in check(history)}


def _sends(history: History) -> Iterator[Breach]:
    """Each send has one outcome; what was acked is stored at its place; one device's sends keep their order."""
    stored = {(record.conversation_id, record.text): record.seq for record in history.stored}
    last: dict[tuple[str, str], int] = {}
    for attempt in history.attempts:
        if not attempt.answered:
            yield Breach.UNANSWERED
        if attempt.seq and stored.get((attempt.conversation_id, attempt.text)) is None:
            yield Breach.LOST
        if attempt.seq and stored.get((attempt.conversation_id, attempt.text), attempt.seq) != attempt.seq:
            yield Breach.SWAPPED
        way = (attempt.device, attempt.conversation_id)
        if attempt.seq and attempt.seq <= last.get(way, 0):
            yield Breach.SWAPPED
        last[way] = max(attempt.seq, last.get(way, 0))


def _log(history: History) -> Iterator[Breach]:
    """The log has each place and each text once, without a gap, and nothing that nobody sent."""
    sent = {(attempt.conversation_id, attempt.text) for attempt in history.attempts if not attempt.refused}
    for records in _by_conversation(history.stored).values():
        yield from _one_order(records)
        texts = [(record.conversation_id, record.text) for record in records if record.text]
        if any(text not in sent for text in texts):
            yield Breach.PHANTOM


def _devices(history: History) -> Iterator[Breach]:
    """Each device shows the log: from where it begins to the end, every entry once, in order, as it is stored."""
    stored = {(record.conversation_id, record.seq): record for record in history.stored}
    heads = {name: records[-1].seq for name, records in _by_conversation(history.stored).items()}
    for shown in history.shown.values():
        if any(stored.get((record.conversation_id, record.seq)) != record for record in shown):
            yield Breach.PHANTOM
        for name, records in _by_conversation(shown).items():
            yield from _one_order(records)
            if max(record.seq for record in records) < heads.get(name, 0):
                yield Breach.LOST


def _one_order(records: Sequence[Record]) -> Iterator[Breach]:
    seqs = [record.seq for record in records]
    texts = Counter(record.text for record in records if record.text)
    if len(set(seqs)) < len(seqs) or any(count > 1 for count in texts.values()):
        yield Breach.REPEATED
    if any(later < earlier for earlier, later in pairwise(seqs)):
        yield Breach.SWAPPED
    if set(range(min(seqs), max(seqs) + 1)) != set(seqs):
        yield Breach.LOST


def _by_conversation(records: Iterable[Record]) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for one in records:
        found.setdefault(one.conversation_id, []).append(one)
    return found


_CHECKS = (_sends, _log, _devices)
