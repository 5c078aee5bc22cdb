"""Tell a sink of every entry, in order and at least once, from wherever it was told last.

Nothing is written when a message is sent: the log is read in the background. A sink that is away is waited for, since
all that it misses stands in the log. One node tells a sink; a second one that believes that it should does no harm,
because a receiver knows an event by its id.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from mesh.clock import Clock
from mesh.errors import MeshError
from svc_message.domain.conversation import ConversationId
from svc_message.domain.entry import Stored
from svc_message.domain.outside.program import Away, Backoff, Refused
from svc_message.domain.outside.sink import Feed, Letter, Letters, Sink, SinkPlaces, letter_id
from svc_message.domain.ports import Log

BATCH: Final = 100
"""Events of one call, by the contract."""

MAX_BATCH_BYTES: Final = 512 * 1024
"""Bytes of encoded entries of one call; a single one may be larger."""

RETRY_STORE_S: Final = 1.0

Observe = Callable[[str, str, int], None]
"""Told (sink, what happened, events): `told`, `away`, `refused`, `dead` or `full`."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How a sink is told. `poll_s`: how often the log is looked at when nothing came; `tries`: how often one event is
    refused before it becomes a dead letter; `from_start`: a sink that is new is told of all that is in the log.
    """

    poll_s: float = 0.5
    tries: int = 5
    from_start: bool = False
    backoff: Backoff = Backoff()


class NotOurs(Exception):  # noqa: N818 - no failure: another node goes on
    """Another node tells this sink now."""


class Follower:
    """Tells one sink, as long as it is this node's to tell."""

    def __init__(
        self,
        sink: Sink,
        feed: Feed,
        places: SinkPlaces,
        letters: Letters,
        log: Log,
        owns: Callable[[str], bool],
        clock: Clock,
        terms: Terms,
        observe: Observe,
    ) -> None:
        self._sink = sink
        self._feed = feed
        self._places = places
        self._letters = letters
        self._log = log
        self._owns = owns
        self._clock = clock
        self._terms = terms
        self._observe = observe

    async def run(self) -> None:
        """Follow for ever."""
        while True:
            try:
                await self._follow()
            except NotOurs:
                await self._clock.sleep(self._terms.poll_s)
            except MeshError:  # the store is away: it says so itself
                await self._clock.sleep(RETRY_STORE_S)

    async def _follow(self) -> None:
        """Begin at the sink's place and tell what comes after it."""
        self._check()
        reader = self._feed.reader(await self._begin())
        saved, rests = reader.place, self._clock.monotonic()
        while True:
            entries = await reader.read(BATCH)
            await self._tell([entry for entry in entries if entry.kind in self._sink.kinds])
            if reader.place != saved:
                saved = reader.place
                await self._places.save(self._sink.name, saved)
            if self._clock.monotonic() >= rests:  # also while there is more and more to tell
                await self._send_again()
                rests = self._clock.monotonic() + self._terms.poll_s
            if not entries:
                await self._clock.sleep(self._terms.poll_s)
            self._check()

    async def _begin(self) -> int:
        """The place of the sink; of a new one it is kept at once, so that nothing is missed from now on."""
        place = await self._places.load(self._sink.name)
        if place is None:
            place = 0 if self._terms.from_start else await self._feed.end()
            await self._places.save(self._sink.name, place)
        return place

    def _check(self) -> None:
        if not self._owns(self._sink.name):
            raise NotOurs

    async def _tell(self, entries: Sequence[Stored]) -> None:
        for some in _portions(entries):
            await self._tell_together(some)

    async def _tell_together(self, entries: Sequence[Stored]) -> None:
        """Tell of several at once; when they are refused, of each alone, so that one does not hold up the others."""
        try:
            await self._until_heard(entries)
        except Refused as refused:
            self._observe(self._sink.name, "refused", len(entries))
            if len(entries) == 1:
                await self._insist(entries[0], refused)
                return
            for entry in entries:
                await self._tell_together([entry])

    async def _insist(self, entry: Stored, refused: Refused) -> None:
        """Try an event that was refused once a few times more; then it is a dead letter."""
        for tries in range(1, self._terms.tries):
            await self._clock.sleep(self._terms.backoff.pause(tries))
            try:
                await self._until_heard([entry])
            except Refused as again:
                refused = again
            else:
                return
        await self._bury(entry, refused.why, self._terms.tries)

    async def _until_heard(self, entries: Sequence[Stored]) -> None:
        """Tell, and wait for as long as the sink is away. Raises Refused, and NotOurs when another node goes on."""
        for failures in itertools.count(1):
            try:
                await self._sink.take(entries)
            except Away as away:
                self._observe(self._sink.name, "away", len(entries))
                await self._clock.sleep(self._terms.backoff.pause(failures, away.retry_after))
                self._check()
            else:
                self._observe(self._sink.name, "told", len(entries))
                return

    async def _bury(self, entry: Stored, why: str, tries: int) -> None:
        """Keep a dead letter. While there are too many of them this sink is told nothing: an operator has to look."""
        id_ = letter_id(self._sink.name, entry.conversation_id, entry.seq)
        letter = Letter(id_, self._sink.name, entry.conversation_id, entry.seq, why, tries, self._clock.now_ms())
        while not await self._letters.keep(letter):
            self._observe(self._sink.name, "full", 1)
            await self._clock.sleep(self._terms.backoff.longest_s)
            self._check()
        self._observe(self._sink.name, "dead", 1)

    async def _send_again(self) -> None:
        """Send the dead letters that somebody wants to be sent again, each once."""
        for letter in await self._letters.wished(self._sink.name, BATCH):
            found = await self._log.read(ConversationId(letter.conversation_id), letter.seq, letter.seq, 1)
            if found and (why := await self._refused(found[0])):
                await self._bury(found[0], why, letter.tries + 1)
            else:
                await self._letters.drop([letter.id])

    async def _refused(self, entry: Stored) -> str:
        """Why it is refused again; empty when it was taken."""
        try:
            await self._until_heard([entry])
        except Refused as refused:
            return refused.why
        return ""


def _portions(entries: Sequence[Stored]) -> list[list[Stored]]:
    """The entries in lists that are small enough for one call."""
    portions: list[list[Stored]] = []
    room = 0
    for entry in entries:
        room -= len(entry.entry)
        if room < 0 or len(portions[-1]) >= BATCH:
            portions.append([])
            room = MAX_BATCH_BYTES - len(entry.entry)
        portions[-1].append(entry)
    return portions
