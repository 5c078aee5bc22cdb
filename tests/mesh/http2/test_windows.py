"""What a client lets come: every byte of it, and never one more."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from mesh.http2 import frames
from tests.mesh.echo import until
from tests.mesh.http2 import raw
from tests.mesh.http2.raw import prefixed
from tests.mesh.http2.served import OK, Sender, serving

if TYPE_CHECKING:
    from mesh.http2.exchange import Exchange
    from tests.mesh.http2.raw import Peer


async def data(peer: Peer, stream_id: int, size: int) -> bytes:
    """Return the next bytes of a stream, so many of them."""
    got = b""
    while len(got) < size:
        got += (await peer.until(frames.DATA, stream_id)).payload
    assert len(got) == size
    return got


async def silent(peer: Peer) -> None:
    """Prove that the server sends no byte of a message, after it has taken all that was said to it."""
    before = len(peer.heard)
    await peer.echoed()
    assert not [one for one in peer.heard[before:] if one.kind == frames.DATA]


@pytest.mark.parametrize("window", [1, 7, 1_000])
async def test_a_stream_gets_what_its_window_takes(window: int) -> None:
    """With any window every byte arrives, in order, and no byte before it was asked for."""
    sender = Sender(20 * window)
    wanted = prefixed(sender.message)
    async with serving(sender.serve) as address, raw.greeted(address, INITIAL_WINDOW=window) as peer:
        peer.open(1, end=True)
        got = await data(peer, 1, min(window, len(wanted)))
        while len(got) < len(wanted):
            await silent(peer)
            more = min(window, len(wanted) - len(got))
            peer.widen(1, more)
            got += await data(peer, 1, more)
        assert got == wanted
        assert (await peer.answer(1)).code == 0
        assert sender.inside == 0


async def test_a_connection_gets_what_its_window_takes() -> None:
    """The windows of streams do not help where that of the connection is used up."""
    sender = Sender(100_000)
    wanted = prefixed(sender.message)
    async with serving(sender.serve) as address, raw.greeted(address, INITIAL_WINDOW=1_000_000) as peer:
        peer.open(1, end=True)
        got = await data(peer, 1, frames.DEFAULT_WINDOW)
        await silent(peer)
        peer.widen(1, 1_000_000)
        await silent(peer)
        while len(got) < len(wanted):
            more = min(9_999, len(wanted) - len(got))
            peer.widen(0, more)
            got += await data(peer, 1, more)
            await silent(peer)
        assert got == wanted


async def test_a_window_may_be_none_at_first() -> None:
    """A client that takes nothing at first gets headers, and the rest when it asks."""
    sender = Sender(100)
    async with serving(sender.serve) as address, raw.greeted(address, INITIAL_WINDOW=0) as peer:
        peer.open(1, end=True)
        await peer.until(frames.HEADERS, 1)
        await silent(peer)
        peer.settings(INITIAL_WINDOW=105)
        assert (await peer.answer(1)).data == prefixed(sender.message)


async def test_settings_may_take_a_window_back() -> None:
    """A window below nothing must be filled up before a byte is sent, for open streams and not for those after."""
    sender = Sender(1_000)
    async with serving(sender.serve) as address, raw.greeted(address, INITIAL_WINDOW=500) as peer:
        peer.open(1, end=True)
        await data(peer, 1, 500)
        peer.settings(INITIAL_WINDOW=100)  # 400 below nothing
        peer.widen(1, 400)
        await silent(peer)
        peer.widen(1, 1)
        await data(peer, 1, 1)
        await silent(peer)
        peer.open(3, end=True)
        await data(peer, 3, 100)
        peer.settings(INITIAL_WINDOW=1_500)
        assert len((await peer.answer(1)).data) == 1_005 - 501


async def test_streams_take_turns_where_the_connection_is_narrow() -> None:
    """Whoever waits for the window of the connection gets its part of it before others get theirs again."""
    sender = Sender(1_000_000)
    async with serving(sender.serve) as address, raw.greeted(address, INITIAL_WINDOW=2_000_000) as peer:
        for stream_id in (1, 3, 5):
            peer.open(stream_id, end=True)
        await data(peer, 1, frames.DEFAULT_WINDOW)
        for stream_id in (1, 3, 5, 1, 3, 5):
            peer.widen(0, 1_000)
            await data(peer, stream_id, 1_000)


async def test_a_stream_that_nobody_fetches_holds_no_other_up() -> None:
    """One window that is used up leaves the connection to the others."""
    sender = Sender(30_000)
    async with serving(sender.serve) as address, raw.greeted(address, INITIAL_WINDOW=10_000) as peer:
        peer.open(1, end=True)
        await data(peer, 1, 10_000)
        peer.open(3, end=True)
        await data(peer, 3, 10_000)
        peer.widen(3, 30_000)
        assert len((await peer.answer(3)).data) == 20_005
        assert sender.inside == 1


async def test_a_frame_is_as_large_as_the_client_takes_it() -> None:
    """16 kB unless it says that it takes more."""
    sender = Sender(60_000)
    async with serving(sender.serve) as address:
        async with raw.greeted(address) as peer:
            peer.open(1, end=True)
            await peer.answer(1)
        async with raw.greeted(address, MAX_FRAME=40_000) as wide:
            wide.open(1, end=True)
            await wide.answer(1)
    sizes = [[len(one.payload) for one in heard.heard if one.kind == frames.DATA] for heard in (peer, wide)]
    assert sizes == [[16_384, 16_384, 16_384, 10_853], [40_000, 20_005]]


async def test_a_window_may_be_as_wide_as_there_is() -> None:
    """2^31-1 is no fault, one more is."""
    sender = Sender(10)
    async with serving(sender.serve) as address, raw.greeted(address, INITIAL_WINDOW=0) as peer:
        peer.open(1, end=True)
        peer.widen(0, frames.MAX_WINDOW - frames.DEFAULT_WINDOW)
        peer.widen(1, frames.MAX_WINDOW)
        assert (await peer.answer(1)).data == prefixed(sender.message)
        peer.open(3, end=True)
        await peer.until(frames.HEADERS, 3)
        peer.widen(0, 16)
        assert await peer.goaway() == frames.FLOW_CONTROL_ERROR
        await until(lambda: sender.inside == 0)


async def test_a_write_that_was_given_up_is_still_sent_before_the_status() -> None:
    """What was handed over goes out whole, so the messages and the status behind it can be read."""
    given_up = asyncio.Event()

    async def serve(exchange: Exchange) -> None:
        exchange.send(bytes(1_000))
        writing = asyncio.create_task(exchange.drained())
        await asyncio.sleep(0)
        writing.cancel()
        await asyncio.wait((writing,))
        exchange.finish(OK)
        given_up.set()

    async with serving(serve) as address, raw.greeted(address, INITIAL_WINDOW=10) as peer:
        peer.open(1, end=True)
        await given_up.wait()
        peer.widen(1, 2_000)
        answer = await peer.answer(1)
        assert (answer.data, answer.code) == (prefixed(bytes(1_000)), 0)
