"""How connections are asked to go, by age or by a drain, and that nothing is lost by it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc
import pytest

from mesh.http2 import frames, vigil
from mesh.http2.pings import LAST
from mesh.server import ServerSettings
from tests.mesh.echo import Ping, Running, running, stream_of, until
from tests.mesh.http2 import raw

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.mesh.http2.raw import Peer

UNAVAILABLE = 14


@pytest.fixture
async def ageing(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    """A server whose connections grow old soon, and may take 2.4 s to go."""
    monkeypatch.setattr(vigil, "GOING_S", 2.4)
    async with running(ServerSettings(connection_age_seconds=1)) as echo:
        yield echo


async def asked(peer: Peer) -> int:
    """Wait until the server asks to go; return the last stream that it says it serves."""
    goaway = await peer.until(frames.GOAWAY)
    assert int.from_bytes(goaway.payload[4:8], "big") == frames.NO_ERROR
    return int.from_bytes(goaway.payload[:4], "big")


async def test_what_begins_before_the_peer_knows_is_served(ageing: Running) -> None:
    """First every stream is still served; the last one is named when the peer has heard; then the end waits for all."""
    async with raw.greeted(ageing.address) as peer:
        peer.open(1, "Chat")
        assert await asked(peer) == frames.STREAM_BITS
        assert (await peer.until(frames.PING)).payload == LAST
        await peer.serves(3)
        peer.say(frames.PING, frames.ACK, 0, LAST)
        assert await asked(peer) == 3
        peer.say(frames.DATA, 0, 1, raw.message("still"))
        assert (await peer.until(frames.DATA, 1)).payload == raw.message("still")
        peer.say(frames.DATA, 0, 1, raw.message("bye"))
        assert (await peer.answer(1)).code == 0
        while await peer.hear():
            pass
    assert ageing.servicer.returned == 1


async def test_who_begins_after_it_knows_is_refused(ageing: Running) -> None:
    """Such a stream can be tried again elsewhere, and what it still sends does the others no harm."""
    async with raw.greeted(ageing.address) as peer:
        peer.open(1, "Chat")
        await asked(peer)
        peer.say(frames.PING, frames.ACK, 0, LAST)
        assert await asked(peer) == 1
        peer.call(3)
        assert await peer.reset(3) == frames.REFUSED_STREAM
        peer.say(frames.DATA, 0, 1, raw.message("bye"))
        assert (await peer.answer(1)).code == 0


async def test_who_does_not_go_is_dropped(ageing: Running) -> None:
    """When its time is over, whatever it still does."""
    async with raw.greeted(ageing.address) as peer:
        peer.open(1, "Chat")
        await asked(peer)
        began = asyncio.get_running_loop().time()
        hearing = asyncio.create_task(peer.until(frames.GOAWAY))
        while not hearing.done():
            peer.say(frames.PING, 0, 0, b"still me")
            await asyncio.sleep(0.1)
        assert "hung up" in str(hearing.exception())
        assert asyncio.get_running_loop().time() - began > vigil.GOING_S - 0.1
    await until(lambda: ageing.servicer.cancelled == 1)


async def test_a_stock_client_moves_without_a_loss(ageing: Running) -> None:
    """Calls one after the other over many ages are all answered, on several connections."""
    ends = asyncio.get_running_loop().time() + 2.5
    while asyncio.get_running_loop().time() < ends:
        assert await ageing.call("Say") == "hello"
        await asyncio.sleep(0.1)


async def test_a_connection_without_a_call_is_asked_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Earlier than one that is used, and not at all where connections have no age."""
    monkeypatch.setattr(vigil, "GREETING_S", 0.1)
    monkeypatch.setattr(vigil, "IDLE_S", 0.0)
    settings = [ServerSettings(), ServerSettings(connection_age_seconds=0)]
    async with (
        running(settings[0]) as ageing,
        running(settings[1]) as lasting,
        raw.greeted(ageing.address) as idle,
        raw.greeted(lasting.address) as kept,
    ):
        hearing = asyncio.create_task(asked(idle))
        while not hearing.done():
            idle.say(frames.PING, 0, 0, b"be there")
            await kept.echoed()
            await asyncio.sleep(0.01)
        assert not [one for one in kept.heard if one.kind == frames.GOAWAY]


async def test_a_drain_lets_streams_end() -> None:
    """A stream is told by GOAWAY, has its grace, and ends as it would."""
    async with running() as echo, raw.greeted(echo.address) as peer:
        peer.open(1, "Chat")
        await until(lambda: echo.servicer.inside == 1)
        draining = asyncio.create_task(echo.server.drain(30))
        await asked(peer)
        peer.say(frames.PING, frames.ACK, 0, LAST)
        peer.say(frames.DATA, 0, 1, raw.message("bye"))
        assert (await peer.answer(1)).code == 0
        await draining


async def test_a_drain_ends_streams_that_do_not() -> None:
    """After the grace they get UNAVAILABLE, then the connection ends."""
    async with running() as echo, raw.greeted(echo.address) as peer:
        peer.open(1, "Chat")
        await until(lambda: echo.servicer.inside == 1)
        await echo.server.drain(0.1)
        answer = await peer.answer(1)
        assert (answer.code, answer.headers["grpc-message"]) == (
            UNAVAILABLE,
            "the server ends this connection; come again",
        )
        assert await peer.reset(1) == frames.NO_ERROR
        assert await peer.hear() is None
        assert echo.servicer.inside == 0


async def test_a_drain_after_an_age_takes_nothing_back(ageing: Running) -> None:
    """GOAWAY never names a higher stream than before: clients end the connection for it."""
    async with raw.greeted(ageing.address) as peer:
        peer.open(1, "Chat")
        await asked(peer)
        peer.say(frames.PING, frames.ACK, 0, LAST)
        await asked(peer)
        await ageing.server.drain(0.1)
        await peer.answer(1)
        while await peer.hear():
            pass
        said = [int.from_bytes(one.payload[:4], "big") for one in peer.heard if one.kind == frames.GOAWAY]
        assert said == [frames.STREAM_BITS, 1]


async def test_a_drain_waits_for_nobody_who_says_nothing() -> None:
    """A connection without a greeting has nothing to lose; no other is let in meanwhile."""
    async with running() as echo, raw.connected(echo.address) as silent, raw.greeted(echo.address) as busy:
        busy.open(1, "Chat")
        await until(lambda: echo.servicer.inside == 1)
        draining = asyncio.create_task(echo.server.drain(30))
        await silent.hear()
        while await silent.hear():
            pass
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*echo.address.split(":"))
        busy.say(frames.PING, frames.ACK, 0, LAST)
        busy.say(frames.DATA, 0, 1, raw.message("bye"))
        await draining


async def test_a_stock_client_hears_of_a_drain_at_once() -> None:
    """Without a call it goes; the drain does not wait for its grace."""
    async with running() as echo, grpc.aio.insecure_channel(echo.address) as channel:
        call = stream_of(channel, "Chat")()
        await call.write(Ping(text="bye"))
        assert await call.code() == grpc.StatusCode.OK
        began = asyncio.get_running_loop().time()
        await echo.server.drain(30)
        assert asyncio.get_running_loop().time() - began < 15


async def test_who_closes_its_side_of_the_connection_is_gone() -> None:
    """Nothing can be asked any more, and whoever waits for an answer has said so by staying."""
    async with running() as echo, raw.greeted(echo.address) as peer:
        peer.open(1, "Chat")
        await until(lambda: echo.servicer.inside == 1)
        peer.writer.write_eof()
        assert await peer.hear() is None
        await until(lambda: echo.servicer.cancelled == 1)
