"""What every registry adapter keeps: a real one joins with one line in REGISTRIES, marked `real`."""

import asyncio
import os
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import cast

import pytest

from mesh.clock import SystemClock
from mesh.infrastructure.etcd_registry import EtcdRegistry
from mesh.infrastructure.memory import MemoryRegistry
from mesh.registry import Node, Registry
from tests.real.prefix import with_prefix

Pair = tuple[Registry, Registry]

ONE = Node("message-1", "b1", "10.0.0.1:7001")
TWO = Node("message-2", "b2", "10.0.0.2:7001")
WAIT_S = 30.0
"""Longer than a lease."""


@asynccontextmanager
async def memory() -> AsyncIterator[Pair]:
    registry = MemoryRegistry()
    yield registry, registry


@asynccontextmanager
async def real_etcd() -> AsyncIterator[Pair]:
    """Keys of a prefix of their own; they end with their leases."""
    url, clock = with_prefix(os.environ["PARLEY_TEST_ETCD"], f"/test-{secrets.token_hex(6)}/"), SystemClock()
    async with aclosing(EtcdRegistry(url, clock)) as ours, aclosing(EtcdRegistry(url, clock)) as theirs:
        yield ours, theirs


REGISTRIES = [pytest.param(memory, id="memory")]
if "PARLEY_TEST_ETCD" in os.environ:
    REGISTRIES.append(pytest.param(real_etcd, id="etcd", marks=pytest.mark.real))


@pytest.fixture(params=REGISTRIES)
async def registries(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    """One registry as two processes see it."""
    async with request.param() as pair:
        yield pair


async def until(watch: AsyncIterator[tuple[Node, ...]], *nodes: Node) -> None:
    """Read states until it is this one; an adapter may leave out those in between."""
    async with asyncio.timeout(WAIT_S):
        async for state in watch:
            if state == nodes:
                return


def watching(registry: Registry) -> "aclosing[AsyncGenerator[tuple[Node, ...], None]]":
    """Watch `message`, and stop at the end of the block."""
    return aclosing(cast("AsyncGenerator[tuple[Node, ...], None]", registry.watch("message")))


async def test_a_watch_begins_with_the_present_state(registries: Pair) -> None:
    """Who watches needs no second question: the first state is what is there, also when nothing is."""
    ours, theirs = registries
    async with watching(theirs) as watch:
        assert await anext(watch) == ()
    async with ours.register("message", ONE), watching(theirs) as watch:
        await until(watch, ONE)


async def test_nodes_come_and_go_in_the_sight_of_others(registries: Pair) -> None:
    """A registration is seen elsewhere for as long as its context is open, sorted by id."""
    ours, theirs = registries
    async with watching(theirs) as watch:
        async with ours.register("message", TWO):
            await until(watch, TWO)
            async with ours.register("message", ONE):
                await until(watch, ONE, TWO)
                assert theirs.nodes("message") == (ONE, TWO)
            await until(watch, TWO)
        await until(watch)


async def test_services_are_apart(registries: Pair) -> None:
    """A node of one service is none of another."""
    ours, theirs = registries
    async with ours.register("user", ONE), watching(theirs) as watch:
        assert await anext(watch) == ()


async def test_many_nodes_register_at_once(registries: Pair) -> None:
    """Registrations that overlap do not lose each other, and each ends by itself."""
    ours, theirs = registries
    nodes = tuple(Node(f"message-{number}", "b", f"10.0.0.{number}:1") for number in range(1, 6))
    async with watching(theirs) as watch:
        leases = [ours.register("message", node) for node in nodes]
        await asyncio.gather(*(lease.__aenter__() for lease in leases))
        await until(watch, *nodes)
        await asyncio.gather(*(lease.__aexit__(None, None, None) for lease in leases[1:]))
        await until(watch, nodes[0])
        await leases[0].__aexit__(None, None, None)


async def test_a_node_that_starts_again_replaces_its_earlier_life(registries: Pair) -> None:
    """There is one node of an id, and the end of its earlier life does not end the later one."""
    ours, theirs = registries
    again = Node(ONE.id, "b9", "10.0.0.9:7001")
    async with watching(theirs) as watch:
        earlier = ours.register("message", ONE)
        await earlier.__aenter__()
        async with ours.register("message", again):
            await until(watch, again)
            await earlier.__aexit__(None, None, None)
            async with ours.register("message", TWO):
                await until(watch, again, TWO)


async def test_every_watcher_sees_the_last_state(registries: Pair) -> None:
    """A watcher that is slow misses states, never the last one."""
    ours, theirs = registries
    async with watching(theirs) as slow, watching(theirs) as quick:
        await anext(slow)
        async with ours.register("message", ONE), ours.register("message", TWO):
            await until(quick, ONE, TWO)
            await until(slow, ONE, TWO)
