"""The broker on a real Pulsar that is killed, frozen and restarted. Needs PARLEY_TEST_PULSAR_HOME, its distribution."""

import asyncio
import json
import os
import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest

from mesh.broker import Broker, Lost, node_topic
from mesh.clock import Clock, FakeClock, SystemClock
from mesh.errors import Code, MeshError
from mesh.infrastructure.pulsar import IDLE_S, PulsarBroker
from tests.real.pulsar_server import PulsarServer, get

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(300)]

WAIT_S = 60.0
AWAY_S = 10.0
"""How long it may take to find out that the broker is away."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PulsarServer]:
    made = PulsarServer(Path(os.environ["PARLEY_TEST_PULSAR_HOME"]), tmp_path_factory.mktemp("pulsar"))
    made.start()
    yield made
    made.kill()


@pytest.fixture
def server(running: PulsarServer) -> Iterator[PulsarServer]:
    """A broker that serves, whatever the test before did to it."""
    if not running.serves():
        running.kill()
        running.start()
    yield running
    running.thaw()


@pytest.fixture
def topic() -> str:
    return node_topic("gateway-1", secrets.token_hex(4))


@asynccontextmanager
async def opened(server: PulsarServer, clock: Clock | None = None) -> AsyncIterator[PulsarBroker]:
    async with aclosing(PulsarBroker(server.url, clock or SystemClock())) as broker:
        yield broker


@asynccontextmanager
async def publishing(broker: Broker, topic: str, payload: bytes) -> AsyncIterator[None]:
    """Publish it again and again, whether it is taken or not: who publishes does not know who reads already."""
    task = asyncio.create_task(publish_on(broker, topic, payload))
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def publish_on(broker: Broker, topic: str, payload: bytes) -> None:
    while True:
        with suppress(MeshError):
            await broker.publish(topic, payload)
        await asyncio.sleep(0.2)


async def refuses(broker: Broker, topic: str) -> float:
    """Publish what is refused; return how long that took, in seconds."""
    begin = time.monotonic()
    with pytest.raises(MeshError) as raised:
        await broker.publish(topic, b"nobody takes this")
    assert raised.value.code is Code.UNAVAILABLE
    return time.monotonic() - begin


async def next_of(messages: AsyncIterator[bytes | Lost]) -> bytes | Lost:
    async with asyncio.timeout(WAIT_S):
        return await anext(messages)


async def healed(messages: AsyncIterator[bytes | Lost], payload: bytes) -> None:
    """Both come, in whatever order: word of a loss, and what is published again and again."""
    kinds = set[object]()
    while kinds != {Lost, payload}:
        one = await next_of(messages)
        if one != b"nobody takes this":
            kinds.add(Lost if isinstance(one, Lost) else one)


async def test_a_killed_broker_costs_time_and_nothing_else(server: PulsarServer, topic: str) -> None:
    """While it is away publishing fails typed and fast; then both sides are back, and the reader knows of a loss."""
    async with opened(server) as ours, opened(server) as theirs, theirs.subscribe(topic) as messages:
        await ours.publish(topic, b"before")
        assert await next_of(messages) == b"before"
        server.kill()
        assert await refuses(ours, topic) < AWAY_S
        assert await refuses(ours, topic) < 0.1
        await asyncio.to_thread(server.start)
        async with publishing(ours, topic, b"after"):
            await healed(messages, b"after")


async def test_a_frozen_broker_is_noticed(server: PulsarServer, topic: str) -> None:
    """A connection that stands and brings nothing is a break too: the probe notices, and what comes later is read."""
    async with opened(server) as ours, opened(server) as theirs, theirs.subscribe(topic) as messages:
        await ours.publish(topic, b"before")
        assert await next_of(messages) == b"before"
        server.freeze()
        assert await next_of(messages) == Lost(0)
        assert await refuses(ours, topic) < AWAY_S
        assert await refuses(ours, topic) < 0.1
        server.thaw()
        async with publishing(ours, topic, b"after"):
            await healed(messages, b"after")


async def test_a_frozen_broker_does_not_keep_a_process_from_ending(server: PulsarServer, topic: str) -> None:
    """The end is bounded in time even when nobody answers."""
    broker = PulsarBroker(server.url, SystemClock())
    async with broker.subscribe(topic):
        await broker.publish(topic, b"x")
        server.freeze()
    begin = time.monotonic()
    await broker.aclose()
    assert time.monotonic() - begin < AWAY_S


async def test_an_instant_without_a_reader_is_told(server: PulsarServer, topic: str) -> None:
    """A topic that moves to another broker of a cluster is away for an instant, which the driver heals and hides."""
    async with opened(server) as ours, opened(server) as theirs, theirs.subscribe(topic) as messages:
        await ours.publish(topic, b"before")
        assert await next_of(messages) == b"before"
        await asyncio.to_thread(unload, server, topic)
        async with publishing(ours, topic, b"after"):
            await healed(messages, b"after")


async def test_who_starts_before_the_broker_becomes_useful_with_it(server: PulsarServer, topic: str) -> None:
    """A subscription opens without a broker, and its reader hears that it missed something when there is one."""
    server.kill()
    async with opened(server) as broker:
        begin = time.monotonic()
        async with broker.subscribe(topic) as messages:
            assert time.monotonic() - begin < AWAY_S
            assert await refuses(broker, topic) < AWAY_S
            await asyncio.to_thread(server.start)
            async with publishing(broker, topic, b"after"):
                await healed(messages, b"after")


async def test_a_payload_may_be_larger_than_pulsar_takes(server: PulsarServer, topic: str) -> None:
    """12 MB arrive as one message, between the neighbours between which they were published, or are told as lost."""
    large = secrets.token_bytes(12_000_000)
    sent = [b"first", large, b"last"]
    received = list[bytes]()
    async with opened(server) as ours, opened(server) as theirs, theirs.subscribe(topic) as messages:
        for _ in range(5):
            await asyncio.gather(*(ours.publish(topic, payload) for payload in sent))
            lost, received = await take(messages, 3)
            assert received == [payload for payload in sent if payload in received]
            if not lost:
                break
        assert received == sent


async def test_ten_thousand_messages_keep_their_order(server: PulsarServer, topic: str) -> None:
    """What one publisher publishes, together and one by one, arrives in order, and none is missing but those told."""
    async with opened(server) as ours, opened(server) as theirs, theirs.subscribe(topic) as messages:
        sent = [b"%05d" % number for number in range(10_000)]
        reading = asyncio.create_task(take(messages, len(sent)))
        for start in range(0, len(sent), 100):
            await ours.publish(topic, sent[start])
            await asyncio.gather(*(ours.publish(topic, payload) for payload in sent[start + 1 : start + 100]))
        lost, received = await reading
        assert received == sorted(set(received))
        assert set(received) <= set(sent)
        assert lost < 500


async def take(messages: AsyncIterator[bytes | Lost], count: int) -> tuple[int, list[bytes]]:
    """Read until this many are accounted for: how many were lost, and the others."""
    lost, received = 0, list[bytes]()
    while lost + len(received) < count:
        one = await next_of(messages)
        if isinstance(one, Lost):
            assert one.count
            lost += one.count
        else:
            received.append(one)
    return lost, received


async def test_two_processes_each_get_all_and_end_well(server: PulsarServer, topic: str) -> None:
    """Readers in processes of their own do not share a topic, and their ends are ordered ones."""
    async with opened(server) as broker:
        with child(server, topic) as one, child(server, topic) as two:
            for number in range(3):
                await broker.publish(topic, b"%d" % number)
            assert [await line(one) for _ in range(3)] == ["0", "1", "2"]
            assert [await line(two) for _ in range(3)] == ["0", "1", "2"]
            assert [await asyncio.to_thread(end, one), await asyncio.to_thread(end, two)] == [0, 0]


async def test_the_topic_of_a_dead_node_goes_away(server: PulsarServer, topic: str) -> None:
    """Nobody deletes it: the broker does so when its reader was killed and its publishers have left it."""
    clock = FakeClock()
    async with opened(server, clock) as broker:
        with child(server, topic) as node:
            await broker.publish(topic, b"x")
            assert await line(node) == "x"
            assert topic in topics(server)
            node.kill()
        # It is held by the publisher; the sweep that would delete it runs each second.
        await asyncio.sleep(3)
        assert topic in topics(server)
        clock.advance(IDLE_S + 1)
        await asyncio.to_thread(wait_until_gone, server, topic)


async def test_what_waits_is_bounded(server: PulsarServer, topic: str) -> None:
    """A frozen broker does not fill the memory of its publishers: what would be too much is refused at once."""
    payload = bytes(8_000_000)
    async with opened(server) as broker:
        await broker.publish(topic, b"x")
        server.freeze()
        publishing = [asyncio.create_task(broker.publish(topic, payload)) for _ in range(8)]
        await asyncio.sleep(0)
        assert await refuses_large(broker, topic, payload) < 0.5
        assert not any(task.done() for task in publishing)
        failed = await asyncio.gather(*publishing, return_exceptions=True)
        assert all(isinstance(one, MeshError) for one in failed)


async def refuses_large(broker: Broker, topic: str, payload: bytes) -> float:
    begin = time.monotonic()
    with pytest.raises(MeshError, match="more waits"):
        await broker.publish(topic, payload)
    return time.monotonic() - begin


def topics(server: PulsarServer) -> list[str]:
    names: list[str] = json.loads(get(f"{server.admin}/admin/v2/non-persistent/public/default") or b"[]")
    return [name.rpartition("/")[2] for name in names]


def wait_until_gone(server: PulsarServer, topic: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while topic in topics(server):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def unload(server: PulsarServer, topic: str) -> None:
    url = f"{server.admin}/admin/v2/non-persistent/public/default/{topic}/unload"
    urllib.request.urlopen(urllib.request.Request(url, method="PUT"), timeout=10).close()  # noqa: S310  our own server


@contextmanager
def child(server: PulsarServer, topic: str) -> "Iterator[subprocess.Popen[str]]":
    """A process that reads the topic already."""
    program = [sys.executable, str(Path(__file__).with_name("pulsar_child.py")), server.url, topic]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert read_line(process) == "reads"
            yield process
        finally:
            process.kill()


def end(process: "subprocess.Popen[str]") -> int:
    process.communicate(timeout=WAIT_S)
    return process.returncode


def read_line(process: "subprocess.Popen[str]") -> str:
    if process.stdout is None:
        raise RuntimeError("not read from")
    return process.stdout.readline().strip()


async def line(process: "subprocess.Popen[str]") -> str:
    async with asyncio.timeout(WAIT_S):
        return await asyncio.to_thread(read_line, process)
