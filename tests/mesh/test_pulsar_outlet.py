"""The way to one topic, with a broker that does what a test says."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from mesh import errors
from mesh.clock import FakeClock
from mesh.errors import Code, MeshError
from mesh.infrastructure.pulsar_frames import FRAME_BYTES, Message, Taken, Unpacker
from mesh.infrastructure.pulsar_outlet import RETRY_S, Outlet, Room


class Topic:
    """A topic of a broker that can be away, or slow to take what it is sent."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.away = False
        self.taking = asyncio.Event()
        self.taking.set()
        self.connections = 0

    async def connect(self) -> "Topic":
        await self._answer()
        self.connections += 1
        return self

    async def send(self, frame: bytes) -> None:
        await self._answer()
        self.frames.append(frame)

    def close(self) -> None:
        self.connections -= 1

    async def _answer(self) -> None:
        await self.taking.wait()
        if self.away:
            raise errors.unavailable("SERVICE_UNAVAILABLE", "away")

    def read(self) -> Taken:
        unpacker, whole = Unpacker(100 * FRAME_BYTES), Taken()
        for frame in self.frames:
            taken = unpacker.take(frame)
            whole.lost += taken.lost
            whole.messages += taken.messages
        return whole


@pytest.fixture
def topic() -> Topic:
    return Topic()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def outlet(topic: Topic, clock: FakeClock) -> AsyncIterator[Outlet]:
    made = Outlet("node-1", topic.connect, Room(10_000), clock)
    yield made
    await made.close()


async def turns() -> None:
    """Let everything run that can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def code_of(publishing: "asyncio.Future[None]") -> Code:
    with pytest.raises(MeshError) as raised:
        await publishing
    return raised.value.code


async def test_what_comes_while_one_is_on_its_way_travels_together(topic: Topic, outlet: Outlet) -> None:
    """One frame is on its way; the rest waits and makes the next, in the order of publication."""
    await outlet.publish(Message(b"first"))
    topic.taking.clear()
    publishing = asyncio.gather(*(outlet.publish(Message(b"%d" % number)) for number in range(15)))
    await turns()
    topic.taking.set()
    await publishing
    assert topic.read() == Taken(0, [Message(b"first"), *(Message(b"%d" % number) for number in range(15))])
    # The first says how far the publisher is.
    assert len(topic.frames) == 3


async def test_an_operator_sees_whether_it_is_away(topic: Topic, outlet: Outlet, clock: FakeClock) -> None:
    """From the first failure on, and until the topic was reached again."""
    await outlet.publish(Message(b"before"))
    assert not outlet.away
    topic.away = True
    assert await code_of(asyncio.ensure_future(outlet.publish(Message(b"lost")))) is Code.UNAVAILABLE
    assert outlet.away
    topic.away = False
    clock.advance(RETRY_S)
    await turns()
    assert not outlet.away


async def test_a_frame_is_bounded(topic: Topic, clock: FakeClock) -> None:
    """However much waits, what travels together stays below what the broker takes at once."""
    outlet = Outlet("node-1", topic.connect, Room(), clock)
    publishing = [asyncio.ensure_future(outlet.publish(Message(bytes(FRAME_BYTES // 3)))) for _ in range(7)]
    while not all(one.done() for one in publishing):
        await turns()
        clock.advance(1.0)
    assert len(topic.read().messages) == 7
    assert FRAME_BYTES // 2 < max(map(len, topic.frames)) < FRAME_BYTES + 100
    await outlet.close()


async def test_once_away_nobody_waits(topic: Topic, outlet: Outlet, clock: FakeClock) -> None:
    """Who waits when the broker goes fails, who comes later fails at once, until it was reached again."""
    await outlet.publish(Message(b"before"))
    topic.away = True
    assert await code_of(asyncio.ensure_future(outlet.publish(Message(b"lost")))) is Code.UNAVAILABLE
    topic.taking.clear()
    async with asyncio.timeout(30):  # it would wait for ever
        assert await code_of(asyncio.ensure_future(outlet.publish(Message(b"refused")))) is Code.UNAVAILABLE
    topic.away = False
    topic.taking.set()
    clock.advance(RETRY_S)
    await turns()
    await outlet.publish(Message(b"after"))
    assert topic.read() == Taken(1, [Message(b"before"), Message(b"after")])
    assert topic.connections == 1


async def test_what_waits_is_bounded(topic: Topic, outlet: Outlet) -> None:
    """Too much is refused at once; when what waited is gone there is room again, whether it was taken or not."""
    topic.taking.clear()
    waiting = asyncio.ensure_future(outlet.publish(Message(bytes(6_000))))
    await turns()
    assert await code_of(asyncio.ensure_future(outlet.publish(Message(bytes(6_000))))) is Code.UNAVAILABLE
    topic.taking.set()
    await waiting
    await outlet.publish(Message(bytes(9_000)))
    topic.away = True
    assert await code_of(asyncio.ensure_future(outlet.publish(Message(bytes(9_000))))) is Code.UNAVAILABLE
    assert outlet._room._free == 10_000


async def test_who_gives_up_waiting_harms_nobody(topic: Topic, outlet: Outlet) -> None:
    """A publisher that was cancelled leaves the others their answers and their order."""
    topic.taking.clear()
    first, second = (asyncio.ensure_future(outlet.publish(Message(payload))) for payload in (b"1", b"2"))
    await turns()
    first.cancel()
    topic.taking.set()
    await second
    assert topic.read() == Taken(0, [Message(b"1"), Message(b"2")])
    assert outlet._room._free == 10_000


async def test_a_quiet_topic_is_told_how_many_there_were(topic: Topic, outlet: Outlet) -> None:
    """Once after the last message, and not again: a reader that missed it learns so."""
    await outlet.publish(Message(b"dropped"))
    del topic.frames[1:]
    for _ in range(3):
        outlet.tell()
        await turns()
    assert len(topic.frames) == 2
    assert topic.read() == Taken(1, [])


async def test_closing_fails_what_waits(topic: Topic, outlet: Outlet) -> None:
    """Nobody waits for ever on a topic that was given up."""
    await outlet.publish(Message(b"x"))
    topic.taking.clear()
    publishing = [asyncio.ensure_future(outlet.publish(Message(b"%d" % number))) for number in range(2)]
    await turns()
    publishing.append(asyncio.ensure_future(outlet.publish(Message(b"behind"))))
    await turns()
    await outlet.close()
    assert [await code_of(one) for one in publishing] == [Code.UNAVAILABLE] * 3
    assert topic.connections == 0
