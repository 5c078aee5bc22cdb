"""RPCs from the side that asks, against our own server and against one that was written by others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from mesh.errors import Code
from mesh.http2.asking import Failed
from mesh.http2.client import Client, Dialler
from mesh.http2.incoming import Closed
from tests.mesh.echo import until
from tests.mesh.http2.answering import DETAILS, LARGE, WORDS, Service, ours, theirs

Serving = Callable[..., AbstractAsyncContextManager[str]]


@pytest.fixture(params=[ours, theirs])
def serving(request: pytest.FixtureRequest) -> Serving:
    made: Serving = request.param
    return made


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
async def client(serving: Serving, service: Service, dialler: Dialler) -> AsyncIterator[Client]:
    async with serving(service) as address:
        yield await dialler.connect(address)
        await dialler.close()


async def test_messages_go_both_ways_until_both_have_said_all(client: Client) -> None:
    """What is sent comes back in order, empty ones too, and the end of this side ends the RPC with OK."""
    call = await client.open("/t/Echo")
    for message in (b"one", b"", b"three"):
        call.send(message)
        assert await call.read() == message
    call.done()
    assert await call.read() is None
    with pytest.raises(Closed):
        call.send(b"too late")


@pytest.mark.parametrize("size", [16_379, 16_380, 65_535, 262_144, LARGE])
async def test_a_message_of_any_size_goes_both_ways(client: Client, size: int) -> None:
    """A message that is larger than a frame, and than all windows, arrives whole; its sender waits."""
    call, message = await client.open("/t/Echo"), bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    if not call.send(message):
        await call.drained()
    assert await call.read() == message


async def test_what_is_not_read_holds_the_sender_up(client: Client, service: Service) -> None:
    """A server that sends more than a window waits until it is read, and another RPC goes on meanwhile."""
    large = await client.open("/t/Large")
    await until(lambda: service.seen["/t/Large began"] == 1)
    assert await client.unary("/t/Echo", b"beside") == b"beside"
    answer = await large.read()
    assert answer is not None
    assert len(answer) == LARGE


async def test_half_close_comes_after_what_waits(client: Client) -> None:
    """The end of this side is said behind messages that the windows hold back."""
    call = await client.open("/t/Count")
    for _ in range(20):
        call.send(bytes(100_000))
    call.done()
    assert await call.read() == b"2000000"
    assert await call.read() is None


async def test_a_status_comes_with_its_words_and_details(client: Client) -> None:
    """Messages before the status are read first; then code, decoded words and details are those of the server."""
    call = await client.open("/t/Fail")
    assert await call.read() == b"before"
    for _ in range(2):
        with pytest.raises(Failed) as raised:
            await call.read()
        assert (raised.value.code, raised.value.message) == (Code.ABORTED, WORDS)
        assert raised.value.details == DETAILS


async def test_a_refusal_without_a_message(client: Client) -> None:
    """An answer that is nothing but a status is one."""
    with pytest.raises(Failed) as raised:
        await client.unary("/t/Refuse", b"may I?")
    assert (raised.value.code, raised.value.message) == (Code.PERMISSION_DENIED, "not you")


async def test_metadata_arrives(client: Client) -> None:
    """Text and bytes arrive as they are."""
    metadata = (("authorization", "Bearer x"), ("one-bin", b"\x00\xff"), ("long", "y" * 7_000))
    assert await client.unary("/t/Tell", b"", metadata) == repr(["Bearer x", b"\x00\xff", 7_000]).encode()


async def test_each_message_is_handed_on_where_it_arrives(client: Client) -> None:
    """What came before somebody listens and what comes then is handed on in order, until the end."""
    heard: list[bytes] = []
    call = await client.open("/t/Pour")
    assert await call.read() == b"0"
    await call.each(heard.append)
    assert heard == [b"%d" % number for number in range(1, 100)]


async def test_who_fails_to_take_a_message_ends_the_rpc(client: Client, service: Service) -> None:
    """What the listener raises is raised to whoever waits, and the server is told to stop."""

    def take(_: bytes) -> None:
        raise ValueError("not understood")

    call = await client.open("/t/Hang")
    with pytest.raises(ValueError, match="not understood"):
        await call.each(take)
    await until(lambda: service.seen["/t/Hang cancelled"] == 1)
    assert await client.unary("/t/Echo", b"on it goes") == b"on it goes"


async def test_cancelling_frees_the_server(client: Client, service: Service) -> None:
    """The handler of an RPC that nobody waits for any more is cancelled, and the connection goes on."""
    call = await client.open("/t/Hang")
    assert await call.read() == b"here"
    call.cancel()
    with pytest.raises(Failed) as raised:
        await call.read()
    assert raised.value.code == Code.CANCELLED
    await until(lambda: service.seen["/t/Hang cancelled"] == 1)
    assert await client.unary("/t/Echo", b"on it goes") == b"on it goes"


async def test_a_call_lasts_as_long_as_it_may(client: Client) -> None:
    """After its time a call fails, whatever the server does."""
    call = await client.open("/t/Hang", (), 0.1)
    assert await call.read() == b"here"
    with pytest.raises(Failed) as raised:
        await call.read()
    assert raised.value.code == Code.DEADLINE_EXCEEDED


async def test_a_message_that_is_too_large_is_refused(serving: Serving, service: Service) -> None:
    """More than this end takes ends the RPC, and nothing else."""
    dialler = Dialler(max_message=1_000)
    async with serving(service) as address:
        client = await dialler.connect(address)
        with pytest.raises(Failed) as raised:
            await client.unary("/t/Large", b"")
        assert raised.value.code == Code.RESOURCE_EXHAUSTED
        assert await client.unary("/t/Echo", bytes(1_000)) == bytes(1_000)
        await dialler.close()


async def test_no_more_rpcs_than_the_server_takes(serving: Serving, service: Service, dialler: Dialler) -> None:
    """One more than the server takes waits until one has ended; who gives up waiting takes nobody's turn."""
    async with serving(service, max_streams=2) as address:
        client = await dialler.connect(address)
        first, _ = await client.open("/t/Count"), await client.open("/t/Hang")
        given_up, waiting = (asyncio.create_task(client.unary("/t/Echo", b"third")) for _ in range(2))
        await until(lambda: service.seen["/t/Count began"] + service.seen["/t/Hang began"] == 2)
        given_up.cancel()
        first.done()
        assert await waiting == b"third"
        assert service.seen["/t/Echo began"] == 1
        await dialler.close()


async def test_a_server_that_goes_ends_all(serving: Serving, service: Service, dialler: Dialler) -> None:
    """When the server stops, open RPCs fail as UNAVAILABLE or cancelled, and no new one begins."""
    async with serving(service) as address:
        client = await dialler.connect(address)
        call = await client.open("/t/Hang")
        assert await call.read() == b"here"
    with pytest.raises(Failed) as raised:
        await call.read()
    assert raised.value.code in (Code.UNAVAILABLE, Code.CANCELLED)
    await until(lambda: client.closed)
    with pytest.raises(Failed) as refused:
        await client.open("/t/Echo")
    assert refused.value.code == Code.UNAVAILABLE


async def test_hanging_up_ends_all(client: Client, service: Service) -> None:
    """Who closes its connection ends its own RPCs, and the handlers of the server."""
    call = await client.open("/t/Hang")
    assert await call.read() == b"here"
    client.hang_up()
    with pytest.raises(Failed) as raised:
        await call.read()
    assert raised.value.code == Code.UNAVAILABLE
    await until(lambda: service.seen["/t/Hang cancelled"] == 1)


async def test_a_socket_of_this_machine(serving: Serving, service: Service, dialler: Dialler, tmp_path: Path) -> None:
    """A unix socket is as good as a port."""
    async with serving(service, f"unix:{tmp_path / 'socket'}") as address:
        client = await dialler.connect(address)
        assert await client.unary("/t/Echo", b"near") == b"near"
        await dialler.close()


async def test_nobody_is_there(dialler: Dialler) -> None:
    """Where nobody listens there is no connection."""
    with pytest.raises(OSError, match=r"Connect call failed|refused"):
        await dialler.connect("127.0.0.1:1")
