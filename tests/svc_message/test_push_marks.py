"""The place that a node keeps never passes what somebody has yet to be told of."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mesh.clock import FakeClock
from mesh.infrastructure.sqlite import Database
from svc_message.application.deliver import Deliverer
from svc_message.application.push.marks import TURN_S, Marks
from svc_message.domain.ports import Delivery
from svc_message.domain.push.marks import Told
from svc_message.infrastructure.sqlite import SCHEMA, SqliteFeed, SqliteLog, SqlitePushMarks
from tests.conformance.test_sinks import ANN, CHAT, row

DELIVERY = Delivery((ANN,), CHAT, entries=(b"entry",))


class Turns(FakeClock):
    """Time that a test moves, and that says when somebody waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.waited_for = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Wait until a test has moved the time far enough."""
        self.waited_for.set()
        await super().sleep(seconds)


@dataclass
class Slow:
    """A way out that takes what it is given when it is let."""

    open: asyncio.Event = field(default_factory=asyncio.Event)

    async def deliver(self, _: Sequence[Delivery]) -> None:
        """Wait."""
        await self.open.wait()


@dataclass
class Kept:
    """A node's marks over a real store, with time that a test moves."""

    clock: Turns
    log: SqliteLog
    store: SqlitePushMarks
    marks: Marks
    deliverer: Deliverer
    slow: Slow

    async def place(self) -> int:
        """The place that is kept."""
        return (await self.store.all())["one"].place

    async def turns(self, many: int) -> None:
        """Let so many turns pass, each from one wait to the next."""
        for _ in range(many):
            await self.clock.waited_for.wait()
            self.clock.waited_for.clear()
            self.clock.advance(TURN_S)
        await self.clock.waited_for.wait()


@asynccontextmanager
async def kept(folder: Path) -> AsyncIterator[Kept]:
    """A node that has begun."""
    async with Database(folder / "message.db", SCHEMA) as database:
        clock, slow, store = Turns(), Slow(), SqlitePushMarks(database)
        deliverer = Deliverer(slow)
        marks = Marks("one", store, SqliteFeed(database), clock)
        assert await marks.begin() == []
        tasks = [asyncio.create_task(work) for work in (marks.run(deliverer), deliverer.run())]
        await asyncio.sleep(0)
        yield Kept(clock, SqliteLog(database), store, marks, deliverer, slow)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_place_rises_when_nobody_holds_it(tmp_path: Path) -> None:
    """What went through the deliverer and is held by nobody is passed, and what was told is kept with the place."""
    async with kept(tmp_path) as node:
        node.slow.open.set()
        assert await node.place() == 0
        await node.log.append([row(CHAT, 1), row(CHAT, 2)])
        node.marks.told(ANN, CHAT, row(CHAT, 2).seq)
        await node.turns(3)
        assert await node.place() == 2
        assert await node.store.told([Told(ANN, CHAT)]) == {Told(ANN, CHAT): 2}


async def test_what_waits_holds_the_place(tmp_path: Path) -> None:
    """The oldest of those who hold it counts, and the place rises when the last one leaves."""
    async with kept(tmp_path) as node:
        node.slow.open.set()
        first = node.marks.hold()
        await node.log.append([row(CHAT, 1)])
        await node.turns(3)
        second = node.marks.hold()
        await node.log.append([row(CHAT, 2)])
        await node.turns(3)
        assert await node.place() == 0
        first.leave()
        await node.turns(1)
        assert await node.place() == 1
        second.leave()
        await node.turns(1)
        assert await node.place() == 2


async def test_what_the_deliverer_has_not_looked_at_holds_the_place(tmp_path: Path) -> None:
    """An entry that is durable and was not delivered yet may have missed somebody: the place stays before it."""
    async with kept(tmp_path) as node:
        await node.log.append([row(CHAT, 1)])
        node.deliverer.push([DELIVERY])
        await node.turns(4)
        assert await node.place() == 0
        node.slow.open.set()
        await node.turns(3)
        assert await node.place() == 1


async def test_a_new_process_of_a_node_goes_on_at_its_place(tmp_path: Path) -> None:
    """Between the place and where the log ends now is what has to be looked at again, and it is held until then."""
    async with kept(tmp_path) as node:
        node.marks.hold()
        await node.log.append([row(CHAT, 1), row(CHAT, 2)])
        await node.turns(3)
    async with Database(tmp_path / "message.db", SCHEMA) as database:
        marks = Marks("one", SqlitePushMarks(database), SqliteFeed(database), FakeClock())
        [stretch] = await marks.begin()
        assert (stretch.hold.mark.place, stretch.end, stretch.hold.uses) == (0, 2, 1)


async def test_what_was_lost_is_looked_at_from_its_first_place(tmp_path: Path) -> None:
    """However often there was no room, there is one stretch to be read, from before the first that was lost."""
    async with kept(tmp_path) as node:
        node.slow.open.set()
        node.marks.lose()
        await node.log.append([row(CHAT, 1)])
        await node.turns(3)
        node.marks.lose()
        [stretch] = node.marks.lost(1)
        assert (stretch.hold.mark.place, stretch.end) == (0, 1)
        assert node.marks.lost(1) == []
        await node.turns(2)
        assert await node.place() == 0
        stretch.hold.leave()
        await node.turns(1)
        assert await node.place() == 1
