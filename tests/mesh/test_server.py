from __future__ import annotations

import asyncio
import contextlib
import io
from typing import TYPE_CHECKING

import grpc
import pytest

from mesh import access
from mesh.clock import FakeClock
from mesh.interceptors import CallSettings
from mesh.limits import Rate
from mesh.server import Server, ServerSettings
from mesh.telemetry import TelemetrySettings, open_telemetry
from tests.mesh import wire
from tests.mesh.echo import SERVICE, Acts, EchoServicer, Ping, Pong, path, running, serialize, stream_of, until

if TYPE_CHECKING:
    from pathlib import Path

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
UNRATED = ServerSettings(calls=CallSettings(public=Rate(0, 0), opened=Rate(0, 0)))
SETTINGS = b"\0\0\0\4\0\0\0\0\0"


def _server() -> Server:
    telemetry = open_telemetry("test", TelemetrySettings(), output=io.StringIO())
    return Server("test", telemetry=telemetry, clock=FakeClock(0))


async def test_a_unix_socket_is_an_address(tmp_path: Path) -> None:
    """Processes on one machine need no port."""
    async with _server() as server:
        servicer = EchoServicer()
        server.add(servicer, SERVICE, audit=Acts())
        [address] = await server.start(f"unix:{tmp_path}/s")
        async with grpc.aio.insecure_channel(address) as channel:
            say: grpc.aio.UnaryUnaryMultiCallable[Ping, Pong]
            say = channel.unary_unary(path("Say"), serialize, Pong.FromString)
            assert (await say(Ping(text="hello"))).text == "hello"
        assert servicer.callers[0].address == "unix"


async def test_a_taken_port_is_an_error() -> None:
    """Two processes never share a port by accident."""
    async with running() as echo, _server() as other:
        with pytest.raises(OSError, match="in use"):
            await other.start(echo.address)


async def test_a_servicer_that_does_not_fit_is_refused_when_it_is_added() -> None:
    """The process does not start with a method that nobody can call."""

    class Stranger:
        async def dance(self) -> None: ...

    with pytest.raises(TypeError, match="dance is no RPC"):
        _server().add(Stranger(), SERVICE)


async def test_a_drain_lets_a_call_end() -> None:
    """A call that is inside when the server stops is answered."""
    async with running() as echo:
        inside = asyncio.create_task(echo.call("Say", "wait"))
        await until(lambda: echo.servicer.inside == 1)
        draining = asyncio.create_task(echo.server.drain(5))
        echo.servicer.release.set()
        assert await inside == "wait"
        await draining


async def test_a_drain_ends_what_does_not() -> None:
    """After the grace, streams and calls are cancelled."""
    async with running() as echo:
        stream = echo.stream("Chat")()
        await stream.write(Ping(text="a"))
        await stream.read()
        await echo.server.drain(0.1)
        assert await stream.code() == grpc.StatusCode.UNAVAILABLE
        await until(lambda: echo.servicer.inside == 0)


@pytest.mark.parametrize("trusted", [False, True])
async def test_a_forwarded_address_counts_only_behind_our_proxy(*, trusted: bool) -> None:
    """A client cannot choose the address that its limits are counted by."""
    async with running(ServerSettings(trust_forwarded_address=trusted)) as echo:
        metadata = (("x-envoy-external-address", "203.0.113.9"),)
        await echo.unary("Say")(Ping(), metadata=metadata, timeout=30)
        assert echo.servicer.callers[0].address == ("203.0.113.9" if trusted else "127.0.0.1")


@pytest.mark.parametrize(
    "bound, asked, seen",
    [
        pytest.param("127.0.0.1", "127.0.0.1", "127.0.0.1", id="IPv4"),
        pytest.param("[::1]", "[::1]", "::1", id="IPv6"),
        pytest.param("[::]", "[::1]", "::1", id="IPv6 at all"),
        pytest.param("[::]", "127.0.0.1", "127.0.0.1", id="IPv4 at all"),
    ],
)
async def test_the_address_of_a_peer(bound: str, asked: str, seen: str) -> None:
    """The same peer has one address by which its calls are counted, whatever the socket is that it came in by."""
    async with _server() as server:
        servicer = EchoServicer()
        server.add(servicer, SERVICE, audit=Acts())
        [address] = await server.start(f"{bound}:0")
        port = address.rpartition(":")[2]
        async with grpc.aio.insecure_channel(f"{asked}:{port}") as channel:
            await channel.unary_unary(path("Say"), serialize, Pong.FromString)(Ping(text="hello"), timeout=30)
        assert [caller.address for caller in servicer.callers] == [seen]


async def test_many_clients_at_once_are_all_accepted() -> None:
    """Calls above the streams of one connection wait their turn."""
    async with running(UNRATED) as echo:
        texts = await asyncio.gather(*(echo.call("Say", seconds=30) for _ in range(90)))
        assert texts == ["hello"] * 90


@pytest.mark.slow
async def test_a_burst_of_clients_is_accepted() -> None:
    """Of 1,500 clients that come in one moment none is turned away."""
    async with running(UNRATED) as echo:
        codes = await asyncio.gather(*(_stream(echo.address) for _ in range(1_500)))
        assert codes == [grpc.StatusCode.OK] * 1_500


async def _stream(address: str) -> grpc.StatusCode:
    async with grpc.aio.insecure_channel(address, (("grpc.use_local_subchannel_pool", 1),)) as channel:
        call = stream_of(channel, "Chat")(timeout=40)
        await call.write(Ping(text="bye"))
        return await call.code()


@pytest.mark.slow
async def test_a_connection_that_goes_no_further_is_closed() -> None:
    """Whoever connects and does not finish the handshake, or never acknowledges our limits, is dropped within 10 s."""
    firsts = {"nothing": b"", "half a preface": PREFACE[:10], "no ack": PREFACE + SETTINGS}
    async with running() as echo:
        waits = await asyncio.gather(*(wire.silence(echo.address, first) for first in firsts.values()))
    assert [4 < seconds < 10 for seconds in waits] == [True] * len(firsts), dict(zip(firsts, waits, strict=True))


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)), b"\x16\x03\x01\x02\x00\x01\x00"])
async def test_another_protocol_is_closed_at_once(first: bytes) -> None:
    """HTTP/1.1, noise and TLS on a plain port end the connection, before the time for a handshake is over."""
    async with running() as echo:
        assert await wire.silence(echo.address, first) < 4


async def test_a_flood_of_pings_is_cut_off() -> None:
    """A client may ping every ten seconds, not all the time."""
    ping = b"\0\0\x08\x06\0\0\0\0\0" + b"\0" * 8
    acknowledge = b"\0\0\0\4\1\0\0\0\0"
    async with running() as echo:
        assert await wire.silence(echo.address, PREFACE + SETTINGS + acknowledge + ping * 200) < 4


async def test_connections_are_bounded() -> None:
    """Above the bound a connection is closed before it costs anything."""
    async with running(ServerSettings(max_connections=2)) as echo:
        crowd = {asyncio.create_task(_closed(echo.address)) for _ in range(6)}
        inside = set(crowd)
        while len(inside) > 2:
            _, inside = await asyncio.wait(inside, return_when=asyncio.FIRST_COMPLETED)
        assert inside
        for task in crowd:
            task.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)


async def _closed(address: str) -> None:
    """Connect, and wait until the server hangs up."""
    with contextlib.suppress(ConnectionError):
        await wire.silence(address, PREFACE + SETTINGS)


async def test_health_may_be_served_for_a_foreign_contract() -> None:
    """`callers` opens a service whose contract cannot say it."""
    async with _server() as server:
        server.add(EchoServicer(), SERVICE, callers=access.PUBLIC)
        [address] = await server.start("127.0.0.1:0")
        answer = await wire.call(address, path("SayUndeclared"), wire.frame(b"\x0a\x02hi"))
        assert answer.code == 0
