"""Nodes of the running mesh are lost, one after the other, while people write through Envoy."""

import asyncio
import os
import secrets
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from real import process, ready
from real.__main__ import servers
from tests.journeys.people import Device, People, numbered

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(180)]

EDGE: Final = os.environ["PARLEY_TEST_EDGE"]
EACH: Final = 40
START_S: Final = 60.0
LONGEST_S: Final = 90.0
"""Until all is said that was begun while a node was away: a lease of the registry, and a backoff of a device."""


@pytest.fixture
async def people(tmp_path: Path) -> AsyncIterator[People]:
    """Users behind the edge."""
    async with People(EDGE, tmp_path) as people:
        yield people


@contextmanager
def lost(name: str, how: Callable[[str], object]) -> Iterator[None]:
    """A node or part that is taken away and comes back."""
    [server] = servers([name])
    assert process.find(name) is not None, "the mesh of PARLEY_REAL_FOLDER does not run"
    how(name)
    try:
        yield
    finally:
        process.kill(name)
        process.start(name, server.command(), server.environment())
        ready.wait(name, server.answers, START_S)


async def write(device: Device, chat: str, word: str) -> list[int]:
    """Say things one after the other, and return where they stand."""
    return [(await device.client.send(chat, text)).seq for text in numbered(word, range(EACH))]


async def talk_through(people: People, name: str, how: Callable[[str], object]) -> None:
    """Write from five devices while something is lost, and see that all is acked, and read once and in one order."""
    ann, bob, eve = await people.users("ann", "bob", "eve")
    tablet = await people.another(bob)
    group, direct = await people.open_group(ann, bob, eve), ann.chat_with(bob)
    run = secrets.token_hex(2)
    ways = [(ann, group), (bob, group), (eve, group), (ann, direct), (tablet, direct)]
    writing = [asyncio.create_task(write(device, chat, f"{device.username} {run}")) for device, chat in ways]
    await ann.until(lambda: len(ann.texts(group)) > EACH // 4, "the writers at work")
    with lost(name, how):
        async with asyncio.timeout(LONGEST_S):
            acked = await asyncio.gather(*writing)
    assert all(places == sorted(set(places)) for places in acked)
    await agree(group, (ann, bob, tablet, eve), 3 * EACH)
    await agree(direct, (ann, bob, tablet), 2 * EACH)


@pytest.mark.parametrize("name", ["gateway-1", "message-1", "message-2", "group-1", "user-1", "redis", "etcd"])
async def test_what_is_killed_takes_nothing_with_it(people: People, name: str) -> None:
    """All that people say while a node, the cache or the registry is gone is acked, and read once and in one order."""
    await talk_through(people, name, process.kill)


@pytest.mark.parametrize("name", ["gateway-2", "message-1"])
async def test_what_hangs_takes_nothing_with_it(people: People, name: str) -> None:
    """The same with a node that keeps its connections and does nothing."""
    await talk_through(people, name, lambda hanging: process.send(hanging, signal.SIGSTOP))


async def agree(chat: str, devices: tuple[Device, ...], posts: int) -> None:
    """See that the log has so many posts, and that all devices show it."""
    log = await devices[0].history(chat)
    texts = [entry.content.post.body.text.text for entry in log if entry.content.HasField("post")]
    assert (len(texts), len(set(texts))) == (posts, posts)
    for device in devices:
        await device.until_seq(chat, log[-1].seq)
        assert device.texts(chat) == texts
