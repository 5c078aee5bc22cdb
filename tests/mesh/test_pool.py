"""Which of its nodes answers a call, while they come, go, and are away."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mesh.errors import Code
from mesh.registry import Node
from mesh.server import ServerSettings
from tests.mesh.echo import Ping, until
from tests.mesh.nodes import Mesh, OnceStub, failed, mesh_of

STREAMS = ServerSettings().max_streams_per_connection


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[Mesh]:
    async with mesh_of(tmp_path) as mesh:
        yield mesh


async def test_calls_are_spread_over_the_nodes(mesh: Mesh) -> None:
    """Every node gets its share once it is connected."""
    for name in ("one", "two", "three"):
        await mesh.start(name)
    async with asyncio.timeout(30):
        while len(set(await mesh.ask(12))) < 3:
            pass
    names = await mesh.ask(30)
    assert sorted(names.count(name) for name in ("one", "two", "three")) == [10, 10, 10]


async def test_more_calls_than_a_connection_has_streams_wait_their_turn(mesh: Mesh) -> None:
    """A server takes 100 streams a connection; three times as many calls at once all succeed."""
    one = await mesh.start("one")
    await mesh.ask()
    one.script.go.clear()
    stub = mesh.once()
    calls = [asyncio.ensure_future(stub.SayAsService(Ping(text="x"))) for _ in range(300)]
    await until(lambda: len(one.script.callers) > STREAMS)
    one.script.go.set()
    assert [answer.text for answer in await asyncio.gather(*calls)] == ["one"] * 300


async def test_a_unix_socket_is_an_address(mesh: Mesh, tmp_path: Path) -> None:
    """Nodes on one machine need no port; several of them, and mixed with others, all get calls."""
    await mesh.start("one", f"unix:{tmp_path / 'one'}")
    await mesh.start("two", f"unix:{tmp_path / 'two'}")
    await mesh.start("three")
    await until_asked(mesh, {"one", "two", "three"})


async def test_a_host_name_is_an_address(mesh: Mesh) -> None:
    """Names are resolved when they are connected to."""
    node = await mesh.start("one", announce=False)
    port = node.node.address.rpartition(":")[2]
    async with mesh.registry.register("user", Node("one", "b", f"localhost:{port}")):
        assert await mesh.ask() == ["one"]


async def test_calls_in_flight_survive_a_change_of_nodes(mesh: Mesh) -> None:
    """New calls use the new list; those under way end where they began."""
    one = await mesh.start("one")
    call = await mesh.held(one)
    await mesh.start("two")
    async with asyncio.timeout(30):
        while "two" not in await _asked(mesh, one):
            pass
    one.script.go.set()
    assert (await call).text == "one"


async def until_asked(mesh: Mesh, names: set[str]) -> None:
    """Call until just these answer."""
    async with asyncio.timeout(30):
        while set(await mesh.ask(8)) != names:
            pass


async def _asked(mesh: Mesh, blocked: Any) -> list[str]:
    blocked.script.go.set()
    names = await mesh.ask(4)
    blocked.script.go.clear()
    return names


async def test_a_node_that_stops_costs_no_call(mesh: Mesh) -> None:
    """It takes no more calls and answers those that it has: even what may not be repeated does not fail."""
    one, _ = await mesh.start("one"), await mesh.start("two")
    stub, answers = mesh.once(), list[str]()

    async def ask() -> None:
        while not answers or answers[-20:] != ["two"] * 20:
            answers.append((await stub.SayAsService(Ping(text="x"))).text)

    asking = [asyncio.create_task(ask()) for _ in range(20)]
    await until(lambda: set(answers) == {"one", "two"})
    await one.server.drain(1)
    async with asyncio.timeout(30):
        await asyncio.gather(*asking)


async def test_a_node_that_goes_amid_a_call_is_left_to_end_it(mesh: Mesh) -> None:
    """A call that it has begun ends there, and the next one waits for no one."""
    one, _ = await mesh.start("one"), await mesh.start("two")
    await until_asked(mesh, {"one", "two"})
    one.script.callers.clear()
    one.script.go.clear()
    calls = [asyncio.create_task(mesh.once().SayAsService(Ping(text="x"))) for _ in range(4)]
    await until(lambda: len(one.script.callers) == 2)
    draining = asyncio.create_task(one.server.drain(30))
    async with asyncio.timeout(10):
        assert (await mesh.ask(4)).count("two") == 4
    one.script.go.set()
    await draining
    assert sorted(answer.text for answer in await asyncio.gather(*calls)) == ["one", "one", "two", "two"]


async def test_a_node_that_is_lost_is_found_again(mesh: Mesh) -> None:
    """Calls go around a node that is away, and to it again soon after it is back, at the same address."""
    one, _ = await mesh.start("one"), await mesh.start("two")
    await until_asked(mesh, {"one", "two"})
    await one.server.drain(0)
    await until_asked(mesh, {"two"})
    await mesh.start("again", one.node.address, announce=False)
    await until_asked(mesh, {"again", "two"})


async def test_a_node_that_takes_connections_and_says_nothing_is_gone_around(mesh: Mesh) -> None:
    """A frozen process, whose kernel lets callers in, costs no call of those that others can answer."""
    with socket.create_server(("127.0.0.1", 0)) as frozen:
        port = frozen.getsockname()[1]
        async with mesh.registry.register("user", Node("frozen", "b", f"127.0.0.1:{port}")):
            await mesh.start("one")
            assert await mesh.ask(9) == ["one"] * 9


async def test_a_node_that_does_not_serve_yet_gets_no_call(mesh: Mesh) -> None:
    """One that answers, but waits for its store, is gone around, and found when it serves."""
    one = await mesh.start("one")
    one.health.set(serving=False)
    await mesh.start("two")
    assert await mesh.ask(9) == ["two"] * 9
    one.health.set(serving=True)
    await until_asked(mesh, {"one", "two"})


async def test_a_service_whose_nodes_are_all_away_is_unavailable_at_once(mesh: Mesh) -> None:
    """Connections that are refused end a call long before its deadline, and so does the pause that follows."""
    async with mesh.registry.register("user", Node("one", "b", "127.0.0.1:1")):
        for _ in range(2):
            async with asyncio.timeout(10):
                error = await failed(mesh.once().SayAsService(Ping(text="x"), timeout=3_600))
            assert (error.code, error.message) == (Code.UNAVAILABLE, "the service does not answer")


async def test_a_call_ends_in_time_where_nobody_takes_it(mesh: Mesh) -> None:
    """Waiting for a connection that does not come, or for one of too many calls to end, is a part of the call."""
    one = await mesh.start("one")
    one.script.go.clear()
    stub = mesh.once()
    calls = [asyncio.create_task(stub.SayAsService(Ping(text="x"), timeout=30)) for _ in range(STREAMS)]
    await until(lambda: len(one.script.callers) == STREAMS)
    assert (await failed(stub.SayAsService(Ping(text="x"), timeout=0.1))).code is Code.DEADLINE_EXCEEDED
    one.script.go.set()
    await asyncio.gather(*calls)
    with socket.create_server(("127.0.0.1", 0)) as frozen:
        port = frozen.getsockname()[1]
        async with mesh.registry.register("group", Node("frozen", "b", f"127.0.0.1:{port}")):
            call = mesh.channels.stub(OnceStub, "group").SayAsService(Ping(text="x"), timeout=0.1)
            assert (await failed(call)).code is Code.DEADLINE_EXCEEDED
