"""How far this node has told those who are away: kept each second as one place in the log, never by message.

Whoever is to be told of something holds the place before it. What is kept is the oldest place that is held, so that
after a crash all that was not told is read from the log again. A place counts only when all that was durable before it
has gone through the deliverer, and so is held by itself where somebody has missed it.
"""

from dataclasses import dataclass
from typing import Final

from mesh.clock import Clock
from mesh.errors import MeshError
from svc_message.application.deliver import Deliverer
from svc_message.domain.conversation import Seq, UserId
from svc_message.domain.outside.sink import Feed
from svc_message.domain.push.marks import PushMark, PushMarks, Told

TURN_S: Final = 1.0
"""How often a mark is kept. It is also the time in which what is durable reaches the deliverer."""

MAX_TOLD: Final = 50_000
"""What was told and is not kept yet, while the store is away; of more is forgotten that it was told."""


@dataclass(slots=True, eq=False)
class Hold:
    """A place of the feed that is not passed as long as somebody needs what comes after it."""

    mark: PushMark
    uses: int = 0

    def take(self) -> "Hold":
        """Hold it once more."""
        self.uses += 1
        return self

    def leave(self) -> None:
        """Need it no more."""
        self.uses -= 1


@dataclass(frozen=True, slots=True)
class Stretch:
    """What is to be read from the log again: after the place that is held, up to `end`. `node` is who has left it."""

    hold: Hold
    end: int
    node: str


@dataclass(frozen=True, slots=True)
class _Coming:
    """The end of the feed at some moment, and the hand-over of the deliverer after which all before it has passed."""

    mark: PushMark
    due: int


class Marks:
    """The places that this node holds."""

    def __init__(self, node: str, store: PushMarks, feed: Feed, clock: Clock) -> None:
        self._node = node
        self._store = store
        self._feed = feed
        self._clock = clock
        self._holds: list[Hold] = []
        """From the oldest; the last one is that of what is noted now."""
        self._lost: Hold | None = None
        self._dropped = 0
        self._coming: _Coming | None = None
        self._told: dict[Told, Seq] = {}
        self._kept: PushMark | None = None

    async def begin(self) -> list[Stretch]:
        """Take up the place that an earlier process of this node has left, or the end of the log when there is none.

        Returns what has to be looked at again, if anything has. Raises UNAVAILABLE.
        """
        before = (await self._store.all()).get(self._node)
        now = PushMark(await self._feed.end(), self._clock.now_ms())
        if before is None:
            await self._store.save(self._node, now, {})
            self._holds.append(Hold(now))
            return []
        first = Hold(before).take()
        self._holds += (first, Hold(now))
        return [Stretch(first, now.place, self._node)]

    def hold(self) -> Hold:
        """Hold the place before all that is delivered now."""
        return self._holds[-1].take()

    def lose(self, hold: Hold | None = None) -> None:
        """There is no room for something that came after this place, or now: it has to be read from the log again."""
        hold = hold or self._holds[-1]
        if self._lost is None or hold.mark.place < self._lost.mark.place:
            if self._lost is not None:
                self._lost.leave()
            self._lost = hold.take()

    def lost(self, end: int) -> list[Stretch]:
        """What has to be looked at again, if anything was lost up to this end of the feed."""
        lost, self._lost = self._lost, None
        return [Stretch(lost, end, self._node)] if lost else []

    def told(self, user_id: UserId, subject: str, seq: Seq) -> None:
        """Somebody was told of something up to here."""
        self._told[Told(user_id, subject)] = seq
        if len(self._told) > MAX_TOLD:
            del self._told[next(iter(self._told))]

    async def run(self, deliverer: Deliverer) -> None:
        """Keep the oldest place that is held, for ever."""
        while True:
            await self._clock.sleep(TURN_S)
            try:
                await self._turn(deliverer)
            except MeshError:
                continue  # the store is away: the place stays where it is

    async def _turn(self, deliverer: Deliverer) -> None:
        coming = self._coming
        if deliverer.dropped != self._dropped:
            self._dropped = deliverer.dropped
            self.lose()
        if coming is None:
            self._coming = _Coming(PushMark(await self._feed.end(), self._clock.now_ms()), -1)
        elif coming.due < 0:  # a turn ago: all that was durable then has been given to the deliverer by now
            self._coming = _Coming(coming.mark, deliverer.due)
        if self._coming and 0 <= self._coming.due <= deliverer.handed:
            self._holds.append(Hold(self._coming.mark))
            self._coming = None
        await self._keep()

    async def _keep(self) -> None:
        self._holds[:-1] = [hold for hold in self._holds[:-1] if hold.uses]
        mark, told = self._holds[0].mark, dict(self._told)
        if told or self._kept is None or mark.place != self._kept.place:
            await self._store.save(self._node, mark, told)
            self._kept = mark
        for one in [one for one, seq in told.items() if self._told.get(one) == seq]:
            del self._told[one]
