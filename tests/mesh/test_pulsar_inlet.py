"""One subscription, with a topic that brings what a test says."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from mesh import errors
from mesh.broker import Lost
from mesh.clock import FakeClock
from mesh.infrastructure.pulsar_frames import Message, Packer
from mesh.infrastructure.pulsar_inlet import DEAD_S, OPEN_S, RETRY_S, TICK_S, Inlet


class Topic:
    """A topic of a broker that can be away, deaf to what is published, or cut off for an instant."""

    def __init__(self) -> None:
        self.away = False
        self.deaf = False
        self.packer = Packer()
        self.held: list[bytes] = []
        self.readers: list[Reader] = []

    async def connect(self) -> "Reader":
        if self.away:
            raise errors.unavailable("SERVICE_UNAVAILABLE", "away")
        self.readers.append(Reader())
        return self.readers[-1]

    async def publish(self, message: Message) -> None:
        for frame in self.packer.frames([message]):
            if self.deaf:
                self.held.append(frame)
            else:
                self.readers[-1].frames.put_nowait(frame)


class Reader:
    """What the topic made."""

    def __init__(self) -> None:
        self.frames: asyncio.Queue[bytes] = asyncio.Queue()
        self.connected = True
        self.closed = False

    async def read(self) -> bytes:
        return await self.frames.get()

    def is_connected(self) -> bool:
        return self.connected

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def topic() -> Topic:
    return Topic()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def inlet(topic: Topic, clock: FakeClock) -> AsyncIterator[Inlet]:
    made = Inlet("node-1", topic.connect, topic.publish, clock, 100, 1_000_000)
    yield made
    await made.close()
    assert all(reader.closed for reader in topic.readers)


async def run(clock: FakeClock, seconds: float) -> None:
    """Let time go on in steps as small as the inlet's."""
    for _ in range(round(seconds / TICK_S)):
        clock.advance(TICK_S)
        for _ in range(10):
            await asyncio.sleep(0)


async def nothing_from(reading: "asyncio.Future[bytes | Lost]", clock: FakeClock, seconds: float) -> None:
    await run(clock, seconds)
    assert not reading.done()


async def test_a_quiet_topic_says_nothing(topic: Topic, clock: FakeClock, inlet: Inlet) -> None:
    """Probes come and go unseen, and the reader stays the one that it is."""
    await inlet.open()
    reading = asyncio.ensure_future(anext(inlet.read()))
    await nothing_from(reading, clock, 10 * DEAD_S)
    await topic.publish(Message(b"x"))
    assert await reading == b"x"
    assert len(topic.readers) == 1


async def test_it_is_open_when_the_first_probe_came_back(topic: Topic, clock: FakeClock, inlet: Inlet) -> None:
    """The broker drops what comes before it knows that somebody reads: until then the topic is not open."""
    topic.deaf = True
    opening = asyncio.ensure_future(inlet.open())
    await run(clock, 1.0)
    [foreign] = Packer().frames([Message(bytes(15) + b"\xff", probe=True)])
    topic.readers[-1].frames.put_nowait(foreign)
    await run(clock, 1.0)
    assert not opening.done()
    topic.deaf = False
    await run(clock, 0.3)
    assert opening.done()
    await topic.publish(Message(b"x"))
    assert await anext(inlet.read()) == b"x"


async def test_a_dead_reader_is_replaced(topic: Topic, clock: FakeClock, inlet: Inlet) -> None:
    """No probe comes back: a loss is told at once, and another when the new reader is known to read."""
    await inlet.open()
    messages = inlet.read()
    topic.deaf = True
    await run(clock, DEAD_S + 1.0)
    assert await anext(messages) == Lost(0)
    assert len(topic.readers) == 2
    reading = asyncio.ensure_future(anext(messages))
    await nothing_from(reading, clock, 1.0)
    topic.deaf = False
    await run(clock, 0.3)
    assert await reading == Lost(0)


async def test_a_connection_that_the_driver_heals_is_a_loss_too(topic: Topic, clock: FakeClock, inlet: Inlet) -> None:
    """It is told when a probe of after the break came back: before that more may be lost."""
    await inlet.open()
    reading = asyncio.ensure_future(anext(inlet.read()))
    topic.readers[-1].connected = False
    topic.deaf = True
    await run(clock, 0.2)
    topic.readers[-1].connected = True
    await nothing_from(reading, clock, 0.5)
    topic.deaf = False
    await run(clock, 0.3)
    assert await reading == Lost(0)
    assert len(topic.readers) == 1


async def test_a_probe_of_before_a_break_proves_nothing(topic: Topic, clock: FakeClock, inlet: Inlet) -> None:
    """What was on its way when the connection broke may come late: whether the new one reads is not known by that."""
    await inlet.open()
    reading = asyncio.ensure_future(anext(inlet.read()))
    topic.deaf = True
    await run(clock, 2.1)
    late = topic.held[:]
    topic.readers[-1].connected = False
    await run(clock, 0.2)
    topic.readers[-1].connected = True
    await run(clock, 0.2)
    for frame in late:
        topic.readers[-1].frames.put_nowait(frame)
    assert late
    await nothing_from(reading, clock, 0.3)
    topic.deaf = False
    await run(clock, 0.3)
    assert isinstance(await reading, Lost)


async def test_without_a_broker_it_opens_and_tells_later(topic: Topic, clock: FakeClock, inlet: Inlet) -> None:
    """Nobody waits for a broker that is away; when it comes, the reader hears that it missed something."""
    topic.away = True
    opening = asyncio.ensure_future(inlet.open())
    await run(clock, OPEN_S + 1.0)
    assert opening.done()
    reading = asyncio.ensure_future(anext(inlet.read()))
    await nothing_from(reading, clock, 3 * RETRY_S)
    topic.away = False
    await run(clock, RETRY_S + 0.3)
    assert await reading == Lost(0)


async def test_a_slow_beginning_is_no_loss(topic: Topic, clock: FakeClock, inlet: Inlet) -> None:
    """What is reached at the second attempt was not open before: nobody could miss anything."""
    topic.away = True
    opening = asyncio.ensure_future(inlet.open())
    await run(clock, 0.2)
    topic.away = False
    await run(clock, RETRY_S + 0.3)
    assert opening.done()
    await topic.publish(Message(b"x"))
    assert await anext(inlet.read()) == b"x"


async def test_what_the_broker_dropped_is_counted(topic: Topic, clock: FakeClock, inlet: Inlet) -> None:
    """Numbers tell what is missing between two messages of a publisher."""
    await inlet.open()
    messages, other = inlet.read(), Packer()
    for payload, dropped in ((b"1", False), (b"2", True), (b"3", True), (b"4", False)):
        for frame in other.frames([Message(payload)]):
            if not dropped:
                topic.readers[-1].frames.put_nowait(frame)
    assert [await anext(messages) for _ in range(3)] == [Lost(2), b"1", b"4"]


async def test_foreign_messages_are_no_harm(topic: Topic, clock: FakeClock, inlet: Inlet) -> None:
    """What is no frame, and probes of others, are passed over."""
    await inlet.open()
    other = Packer()
    junk = [b"", b"junk", *other.frames([Message(b"odd", probe=True)]), *other.frames([Message(bytes(16), probe=True)])]
    for frame in junk:
        topic.readers[-1].frames.put_nowait(frame)
    await topic.publish(Message(b"x"))
    assert await anext(inlet.read()) == b"x"
