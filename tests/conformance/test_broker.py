"""What every broker adapter keeps: a real one joins with one line in BROKERS, marked `real`."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

import pytest

from mesh.broker import Broker, Lost, node_topic
from mesh.clock import SystemClock
from mesh.infrastructure.memory import MemoryBroker

CAPACITY = 100
CAPACITY_BYTES = 1_000_000
WAIT_S = 30.0
TOPIC = node_topic("gateway-1", "b1")


@dataclass(frozen=True)
class Pair:
    """One broker as two processes see it. Subscriptions hold CAPACITY messages and CAPACITY_BYTES."""

    ours: Broker
    theirs: Broker


@asynccontextmanager
async def memory() -> AsyncIterator[Pair]:
    broker = MemoryBroker(CAPACITY, CAPACITY_BYTES)
    yield Pair(broker, broker)


@asynccontextmanager
async def pulsar() -> AsyncIterator[Pair]:
    from mesh.infrastructure.pulsar import PulsarBroker  # noqa: PLC0415  its driver is loaded where it is used

    url, clock = os.environ["PARLEY_TEST_PULSAR"], SystemClock()
    one = PulsarBroker(url, clock, capacity=CAPACITY, capacity_bytes=CAPACITY_BYTES)
    two = PulsarBroker(url, clock, capacity=CAPACITY, capacity_bytes=CAPACITY_BYTES)
    async with aclosing(one), aclosing(two):
        yield Pair(one, two)


BROKERS = [pytest.param(memory, id="memory")]
if "PARLEY_TEST_PULSAR" in os.environ:
    BROKERS.append(pytest.param(pulsar, id="pulsar", marks=pytest.mark.real))


@pytest.fixture(params=BROKERS)
async def brokers(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    async with request.param() as pair:
        yield pair


async def take(messages: AsyncIterator[bytes | Lost], count: int) -> list[bytes | Lost]:
    async with asyncio.timeout(WAIT_S):
        return [await anext(messages) for _ in range(count)]


async def take_until(messages: AsyncIterator[bytes | Lost], last: bytes) -> tuple[int, list[bytes]]:
    """Read up to this message: how many were lost, and the others. The last may come while the first are read."""
    lost, received = 0, list[bytes]()
    async with asyncio.timeout(WAIT_S):
        while last not in received:
            one = await anext(messages)
            if isinstance(one, Lost):
                lost += one.count
            else:
                received.append(one)
    return lost, received


async def test_what_is_published_after_subscribing_arrives_in_order(brokers: Pair) -> None:
    """From the moment in which the subscription is open nothing is missed while nothing breaks."""
    async with brokers.theirs.subscribe(TOPIC) as messages:
        for number in range(50):
            await brokers.ours.publish(TOPIC, b"%d" % number)
        assert await take(messages, 50) == [b"%d" % number for number in range(50)]


async def test_what_was_published_before_is_not_seen(brokers: Pair) -> None:
    """A subscription begins at its opening: the log, not the broker, has what was before."""
    await brokers.ours.publish(TOPIC, b"before")
    async with brokers.theirs.subscribe(TOPIC) as messages:
        await brokers.ours.publish(TOPIC, b"after")
        assert await take(messages, 1) == [b"after"]


async def test_each_subscription_gets_every_message(brokers: Pair) -> None:
    """Two readers of a topic do not share its messages."""
    async with brokers.theirs.subscribe(TOPIC) as one, brokers.theirs.subscribe(TOPIC) as two:
        await brokers.ours.publish(TOPIC, b"x")
        assert await take(one, 1) == await take(two, 1) == [b"x"]


async def test_topics_are_apart(brokers: Pair) -> None:
    """What is meant for one life of a node does not reach its next one."""
    async with brokers.theirs.subscribe(node_topic("gateway-1", "b2")) as messages:
        await brokers.ours.publish(TOPIC, b"for b1")
        await brokers.ours.publish(node_topic("gateway-1", "b2"), b"for b2")
        assert await take(messages, 1) == [b"for b2"]


async def test_a_topic_without_a_reader_swallows(brokers: Pair) -> None:
    """Publishing to a node that has gone is no error."""
    await brokers.ours.publish(node_topic("gateway-9", "gone"), b"x")


async def test_a_slow_reader_is_told_what_it_lost_and_holds_up_nobody(brokers: Pair) -> None:
    """Publishers never wait for a reader: the oldest messages go, and the reader learns how many."""
    async with brokers.theirs.subscribe(TOPIC) as slow, brokers.theirs.subscribe(TOPIC) as quick:
        async with asyncio.timeout(WAIT_S):
            for number in range(CAPACITY + 20):
                await brokers.ours.publish(TOPIC, b"%d" % number)
                assert await anext(quick) == b"%d" % number
        lost, received = await take_until(slow, b"%d" % (CAPACITY + 19))
        assert 0 < lost <= 20
        assert received == [b"%d" % number for number in range(lost, CAPACITY + 20)]


async def test_a_reader_is_bounded_in_bytes(brokers: Pair) -> None:
    """A few large messages are as much as many small ones."""
    async with brokers.theirs.subscribe(TOPIC) as messages:
        for number in range(8):
            await brokers.ours.publish(TOPIC, b"%d" % number * 300_000)
        lost, received = await take_until(messages, b"7" * 300_000)
        assert 0 < lost <= 5
        assert [one[:1] for one in received] == [b"%d" % number for number in range(lost, 8)]


async def test_bytes_go_through_as_they_are(brokers: Pair) -> None:
    """A payload may hold any byte, and may be empty."""
    every = bytes(range(256))
    async with brokers.theirs.subscribe(TOPIC) as messages:
        await brokers.ours.publish(TOPIC, every)
        await brokers.ours.publish(TOPIC, b"")
        assert await take(messages, 2) == [every, b""]
