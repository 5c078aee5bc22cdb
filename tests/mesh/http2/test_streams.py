"""How many calls there are at once, and that nothing is left of those that are over."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from typing import TYPE_CHECKING

import grpc
import pytest

from mesh.http2 import frames, vigil
from mesh.http2.connection import Connection
from mesh.http2.exchange import Exchange
from mesh.http2.incoming import Closed
from tests.mesh.echo import Ping, path, running, serialize, until
from tests.mesh.http2 import raw
from tests.mesh.http2.conftest import UNRATED
from tests.mesh.http2.served import OK, Sender, serving

if TYPE_CHECKING:
    from tests.mesh.echo import Running
    from tests.mesh.http2.raw import Peer

CANCEL = frames.CANCEL.to_bytes(4, "big")


async def test_more_streams_than_were_promised_are_refused(echo: Running, peer: Peer) -> None:
    """The 101st is REFUSED_STREAM, which a client may try again, and the others go on; when one ends there is room."""
    for stream_id in range(1, 203, 2):
        peer.open(stream_id, "Chat")
    assert await peer.reset(201) == frames.REFUSED_STREAM
    assert echo.servicer.inside == 100
    peer.say(frames.RST_STREAM, 0, 1, CANCEL)
    await until(lambda: echo.servicer.inside == 99)
    await peer.serves(203)


async def test_a_stock_client_waits_its_turn(echo: Running) -> None:
    """A client that keeps to what it was told is never refused: 300 calls over one connection are all answered."""
    calls = [echo.stream("Chat")(timeout=30) for _ in range(300)]

    async def one(call: grpc.aio.StreamStreamCall[Ping, Ping]) -> grpc.StatusCode:
        await call.write(Ping(text="bye"))
        return await call.code()

    codes = await asyncio.gather(*(one(call) for call in calls))
    assert Counter(codes) == {grpc.StatusCode.OK: 300}


async def test_calls_that_linger_count() -> None:
    """Who fetches nothing cannot open more calls than it was promised, though their handlers are over."""
    over = list[int]()

    async def serve(exchange: Exchange) -> None:
        exchange.send(b"x")
        exchange.finish(OK)
        over.append(exchange.id)

    async with serving(serve, max_streams=10) as address, raw.greeted(address, INITIAL_WINDOW=0) as peer:
        for stream_id in range(1, 21, 2):
            peer.open(stream_id, end=True)
        await until(lambda: len(over) == 10)
        peer.open(21, end=True)
        assert await peer.reset(21) == frames.REFUSED_STREAM
        peer.settings(INITIAL_WINDOW=100)
        await peer.answer(19)
        peer.open(23, end=True)
        assert (await peer.answer(23)).code == 0


@pytest.mark.parametrize("how", ["reset", "lost", "fault"])
async def test_handlers_end_with_their_streams(echo: Running, peer: Peer, how: str) -> None:
    """Wherever they wait, in a read or in a write."""
    peer.open(1, "Chat")
    peer.open(3, "Chat")
    peer.say(frames.DATA, 0, 3, raw.message("flood"))
    await until(lambda: echo.servicer.inside == 2)
    if how == "lost":
        peer.writer.transport.abort()
    elif how == "fault":
        peer.write(b"\xff" * 100)
    else:
        peer.say(frames.RST_STREAM, 0, 1, CANCEL)
        peer.say(frames.RST_STREAM, 0, 3, CANCEL)
    await until(lambda: echo.servicer.inside == 0)
    assert echo.servicer.cancelled == 2


async def test_others_who_wait_on_a_stream_hear_of_its_end() -> None:
    """A task beside the handler that reads or writes is let out when the peer resets the stream."""
    beside = list[asyncio.Future[tuple[bytes | BaseException | None, BaseException | None]]]()

    async def serve(exchange: Exchange) -> None:
        exchange.send(b"x")
        beside.append(asyncio.gather(exchange.read(), exchange.drained(), return_exceptions=True))
        await asyncio.Event().wait()

    async with serving(serve) as address, raw.greeted(address, INITIAL_WINDOW=0) as peer:
        peer.open(1)
        await peer.until(frames.HEADERS, 1)
        peer.say(frames.RST_STREAM, 0, 1, CANCEL)
        outcomes = await asyncio.wait_for(beside[0], 30)
    assert [type(outcome) for outcome in outcomes] == [Closed, Closed]


async def test_nothing_is_left_of_calls_that_are_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """After ten thousand calls on one connection, answered, reset or refused, no object of them stays."""
    monkeypatch.setattr(vigil, "MAX_RESETS", 10_000)
    async with running(UNRATED) as echo, raw.greeted(echo.address) as peer:
        gc.collect()
        peer.widen(0, 2**30)
        before = Counter(type(one) for one in gc.get_objects())
        for number in range(2_500):
            await _four(peer, 8 * number + 1)
        await until(lambda: echo.servicer.inside == 0)
        await peer.echoed()
        peer.heard.clear()
        gc.collect()
        after = Counter(type(one) for one in gc.get_objects())
    assert (before[Exchange], after[Exchange]) == (0, 0)
    assert after[asyncio.Task] <= before[asyncio.Task] + 2
    assert after[Connection] == before[Connection] >= 1


async def _four(peer: Peer, stream_id: int) -> None:
    peer.call(stream_id)
    peer.open(stream_id + 2, "Chat")
    peer.say(frames.RST_STREAM, 0, stream_id + 2, CANCEL)
    peer.call(stream_id + 4, "Follow")
    peer.open(stream_id + 6, "Chat", ("te", "gzip"))
    await peer.answer(stream_id + 4)


async def test_streams_that_waited_for_the_connection_are_forgotten_when_they_are_reset() -> None:
    """A client that takes nothing can open and reset for ever, and none of it is kept."""
    sender = Sender(100_000)
    async with serving(sender.serve) as address, raw.greeted(address, INITIAL_WINDOW=200_000) as peer:
        peer.open(1, end=True)  # uses the window of the connection up
        for stream_id in range(3, 403, 2):
            peer.open(stream_id, end=True)
            await peer.until(frames.HEADERS, stream_id)
            peer.say(frames.RST_STREAM, 0, stream_id, CANCEL)
        await peer.echoed()
        await until(lambda: sender.inside == 1)
        gc.collect()
        assert sum(isinstance(one, Exchange) for one in gc.get_objects()) == 1


async def test_a_handler_that_fails_is_internal() -> None:
    """A call whose handler raised, or just returned, ends with INTERNAL and nothing of what it raised."""
    said = list[BaseException | None]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context.get("exception")))

    async def serve(exchange: Exchange) -> None:
        if exchange.request.path == path("Say"):
            raise RuntimeError("secret")

    async with serving(serve) as address, grpc.aio.insecure_channel(address) as channel:
        for rpc in ("Say", "Chat"):
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await channel.unary_unary(path(rpc), serialize)(Ping(), timeout=30)
            assert (failed.value.code(), failed.value.details()) == (grpc.StatusCode.INTERNAL, "internal error")
    assert [str(error) for error in said if isinstance(error, RuntimeError)] == ["secret"]
