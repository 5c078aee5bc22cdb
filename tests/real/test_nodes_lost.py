"""Nodes of the running mesh are lost, and others come, one after the other, while people write through Envoy."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

import pytest

from parley_sdk import Disconnected
from real import process
from tests.journeys.people import People
from tests.real.losing import DRAIN_S, EDGE, crew, lost, start, talking

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(240)]

LONGEST_S: Final = 90.0
"""Until all is said that was begun while a node was away."""

ENOUGH: Final = 15
"""Acks of each device after which all of them have met what is lost."""

PAUSE_S: Final = {
    "gateway": 30.0,
    "message": 30.0,
    "group": 10.0,
    "user": 10.0,
    "ai": 10.0,
    "redis": 15.0,
    "etcd": 10.0,
}
"""The longest that anybody may have to wait for an ack, on two cores that have other things to do."""


@pytest.fixture
async def people(tmp_path: Path) -> AsyncIterator[People]:
    """Users behind the edge."""
    async with People(EDGE, tmp_path) as people:
        yield people


def note(what: str, pause_s: float) -> None:
    """Say how long it took, for those who read the output of the tests."""
    print(f"{what}: the longest pause was {pause_s:.1f} s")  # noqa: T201  the figure is what the test is for, too


async def talk_through(people: People, name: str, how: Callable[[str], object]) -> None:
    """Write from five devices while something is lost, and see that all is acked, and read once and in one order."""
    all_ = await crew(people)
    async with talking(all_.ways, LONGEST_S) as talk:
        since = time.monotonic()
        with lost(name, how):
            await talk.more(ENOUGH, LONGEST_S)
            pause_s = talk.pause_s(since)
    await all_.agree(talk)
    note(f"{name}, {getattr(how, '__name__', 'hangs')}", pause_s)
    assert pause_s < PAUSE_S[name.partition("-")[0]]


@pytest.mark.parametrize("name", ["gateway-1", "message-1", "message-2", "group-1", "user-1", "redis", "etcd"])
async def test_what_is_killed_takes_nothing_with_it(people: People, name: str) -> None:
    """All that people say while a node, the cache or the registry is gone is acked, and read once and in one order."""
    await talk_through(people, name, process.kill)


@pytest.mark.parametrize("name", ["gateway-2", "message-1"])
async def test_what_hangs_takes_nothing_with_it(people: People, name: str) -> None:
    """The same with a node that keeps its connections and does nothing."""

    def hangs(hanging: str) -> None:
        process.send(hanging, signal.SIGSTOP)

    await talk_through(people, name, hangs)


@pytest.mark.parametrize("service", ["user", "group", "message", "gateway", "ai"])
async def test_a_node_that_comes_takes_its_share_and_nothing_with_it(people: People, service: str) -> None:
    """A third node of a service joins under load, and is killed: both cost a pause, no message and no order."""
    name = f"{service}-3"
    all_ = await crew(people)
    try:
        async with talking(all_.ways, LONGEST_S) as talk:
            since = time.monotonic()
            await asyncio.to_thread(start, name)
            await talk.more(ENOUGH, LONGEST_S)
            came_s, since = talk.pause_s(since), time.monotonic()
            late = [await people.another(one) for one in (all_.ann, all_.bob, all_.eve) for _ in range(2)]
            process.kill(name)
            await talk.more(ENOUGH, LONGEST_S)
            went_s = talk.pause_s(since)
        await all_.agree(talk)
        head = (await all_.eve.history(all_.group))[-1].seq
        for device in late:
            await device.until_seq(all_.group, head)
        if service == "gateway":
            assert any(device.of(Disconnected) for device in late), "the new gateway had no device"
    finally:
        process.stop(name, DRAIN_S)
    note(f"{name} comes", came_s)
    note(f"{name} is killed", went_s)
    assert (came_s < 10.0, went_s < PAUSE_S[service]) == (True, True), (came_s, went_s)


async def test_a_node_that_is_stopped_goes_without_a_pause(people: People) -> None:
    """A message node that drains hands its conversations over: nobody waits as long as for one that was killed."""
    all_ = await crew(people)
    await asyncio.to_thread(start, "message-3")
    async with talking(all_.ways, LONGEST_S) as talk:
        since = time.monotonic()
        await asyncio.to_thread(process.stop, "message-3", DRAIN_S)
        await talk.more(ENOUGH, LONGEST_S)
        pause_s = talk.pause_s(since)
    await all_.agree(talk)
    note("message-3 is stopped", pause_s)
    assert pause_s < 8.0
