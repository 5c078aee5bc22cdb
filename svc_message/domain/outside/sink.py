"""Sinks: programs of the installation that are told of every entry, and what each of them could not be told."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from svc_message.domain.conversation import ConversationId, Seq
from svc_message.domain.entry import EntryKind, Stored

PUSH: Final = "push"
"""The name under which notifications that could not be carried are kept: no sink may have it."""

MAX_LETTERS: Final = 10_000
"""Dead letters of one sink. A sink with so many is told nothing more until some were sent again or dropped."""


@dataclass(frozen=True, slots=True)
class Letter:
    """An event that a sink refused: which one, not what it says. It is read from the log when it is sent again.

    For `PUSH`, `subject` is the user who was to be told.
    """

    id: str
    """`<sink>/<conversation>/<seq>`, and `/<subject>` where there is one."""
    sink: str
    conversation_id: ConversationId
    seq: Seq
    why: str
    tries: int
    at_ms: int
    subject: str = ""


def letter_id(sink: str, conversation_id: str, seq: int, subject: str = "") -> str:
    """The id of a letter: the same event of a sink has one letter at most."""
    return "/".join(filter(None, (sink, conversation_id, str(seq), subject)))


class Feed(Protocol):
    """Entries of all logs, as they come."""

    async def end(self) -> int:
        """The place after all that is there now."""

    def reader(self, place: int, end: int | None = None) -> "FeedReader":
        """A reader of all that comes after this place, up to a place that was the end, where one is given.

        What comes with that end may be read too, or what comes later in the same second.
        """


class FeedReader(Protocol):
    """Reads on where it stopped. Use it from one task."""

    async def read(self, limit: int) -> list[Stored]:
        """The next entries, about `limit`; none when there are no more at present.

        Each entry that was durable before the reader had nothing more is read, those of one conversation in the order
        of their seqs. A reader that begins anew at a `place` may repeat some, also in their order, and skips none.
        Raises UNAVAILABLE; the next call goes on as if this one had not been made.
        """

    @property
    def place(self) -> int:
        """Where a new reader has to begin so that it misses nothing after what this one has read."""


class SinkPlaces(Protocol):
    """How far each sink has been told."""

    async def load(self, sink: str) -> int | None:
        """The place of a sink; None for one that was never told anything."""

    async def save(self, sink: str, place: int) -> None:
        """Raise the place; a lower one changes nothing."""


class Letters(Protocol):
    """Dead letters."""

    async def keep(self, letter: Letter) -> bool:
        """Keep a letter, in place of one with the same id. False when its sink has MAX_LETTERS already."""

    async def listed(self, sink: str, limit: int, *, after: str = "") -> list[Letter]:
        """Letters of a sink, or of all when it is empty, by their ids, from the one after `after` on."""

    async def wish(self, ids: Collection[str]) -> int:
        """Have these sent again; return how many there are."""

    async def wished(self, sink: str, limit: int) -> list[Letter]:
        """Letters of a sink that are to be sent again."""

    async def drop(self, ids: Collection[str]) -> int:
        """Forget these; return how many there were."""


class Sink(Protocol):
    """One program that is told."""

    @property
    def name(self) -> str:
        """What it is called in settings, logs and letters."""

    @property
    def kinds(self) -> frozenset[EntryKind]:
        """What it wants to be told of."""

    async def take(self, entries: Sequence[Stored]) -> None:
        """Tell it of these. Raises Away and Refused (`domain.outside`)."""
