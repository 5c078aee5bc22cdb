import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mesh import dial, link
from mesh.errors import Code, MeshError, Reason
from mesh.link import Dialled, Link, Receive
from mesh.stream import Stream
from tests.mesh import echo
from tests.mesh.echo import until
from tests.mesh.nodes import Mesh, Running, mesh_of

PATH = echo.path("Link")


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[Mesh]:
    async with mesh_of(tmp_path) as mesh:
        yield mesh


def silent(_: Link) -> Receive:
    """Accept a link and take no notice of what comes."""
    return lambda _: None


async def accept(stream: Stream) -> None:
    await link.serve(stream, silent)


async def refused(address: str, token: str) -> MeshError:
    with pytest.raises(MeshError) as raised:
        await dial.dial(address, PATH, (("authorization", f"Bearer {token}"),))
    return raised.value


async def start(mesh: Mesh, name: str, address: str = "127.0.0.1:0") -> Running:
    """Start a node that takes links."""
    node = await mesh.start(name, address, announce=False)
    node.script.linked = accept
    return node


async def test_a_link_says_who_it_is(mesh: Mesh) -> None:
    """The other end knows the service behind a link by its token, and lets in nobody without one."""
    node = await start(mesh, "one")
    wire = await mesh.channels.dial(node.node.address, PATH)
    assert [caller.service for caller in node.script.callers] == ["test"]
    wire.close()
    error = await refused(node.node.address, "not.a.token")
    assert (error.code, error.reason) == (Code.UNAUTHENTICATED, Reason.TOKEN_INVALID)


async def test_an_end_that_is_not_there_is_unavailable(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dialling nobody is an error at once, not a wait."""
    monkeypatch.setattr(dial, "DIAL_S", 3_600.0)
    async with asyncio.timeout(30):
        assert (await refused("127.0.0.1:1", mesh.token())).code is Code.UNAVAILABLE


async def test_an_end_that_does_not_greet_is_given_up(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frozen process takes the connection but not the link."""

    async def mute(stream: Stream) -> None:
        await stream.read_bytes()

    monkeypatch.setattr(dial, "DIAL_S", 0.2)
    node = await start(mesh, "one")
    node.script.linked = mute
    assert (await refused(node.node.address, mesh.token())).code is Code.DEADLINE_EXCEEDED


async def test_a_link_comes_back_when_its_node_does(mesh: Mesh) -> None:
    """A restart of the other end is told once and mended without anyone's help."""
    node = await start(mesh, "one")
    ups, downs = list[None](), list[None]()
    dialled = Dialled(
        lambda: mesh.channels.dial(node.node.address, PATH),
        lambda _: None,
        lambda: ups.append(None),
        lambda: downs.append(None),
        mesh.clock,
    )
    running = asyncio.create_task(dialled.run())
    await until(lambda: dialled.up)
    await node.server.drain(0)
    await until(lambda: not dialled.up)
    await start(mesh, "again", node.node.address)
    await until(lambda: dialled.up)
    assert (len(ups), len(downs)) == (2, 1)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
