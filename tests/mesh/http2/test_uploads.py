"""What a client may send before somebody reads it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mesh.http2 import frames
from mesh.http2.connection import CONNECTION_WINDOW
from mesh.http2.incoming import STREAM_WINDOW
from tests.mesh.echo import until
from tests.mesh.http2 import raw
from tests.mesh.http2.raw import prefixed
from tests.mesh.http2.served import OK, serving

if TYPE_CHECKING:
    from mesh.http2.exchange import Exchange
    from tests.mesh.http2.raw import Peer

FULL = bytes(frames.SMALLEST_MAX_FRAME)
PIECE = prefixed(bytes(frames.SMALLEST_MAX_FRAME - 5))


class Reader:
    """Reads when it may, and counts."""

    def __init__(self) -> None:
        self.may = asyncio.Event()
        self.read = 0
        self.inside = 0

    async def serve(self, exchange: Exchange) -> None:
        """Serve one call; those to /now are read at once."""
        self.inside += 1
        try:
            if exchange.request.path != "/now":
                await self.may.wait()
            while await exchange.read() is not None:
                self.read += 1
            exchange.finish(OK)
        finally:
            self.inside -= 1


def fill(peer: Peer, stream_id: int) -> None:
    """Send as much as a stream takes."""
    for _ in range(STREAM_WINDOW // len(PIECE)):
        peer.say(frames.DATA, 0, stream_id, PIECE)


def credited(peer: Peer, stream_id: int) -> int:
    """Return how much more the server has taken."""
    return sum(one.number for one in peer.heard if (one.kind, one.stream_id) == (frames.WINDOW_UPDATE, stream_id))


async def test_who_sends_beyond_its_window_is_reset() -> None:
    """One byte more than a stream takes is FLOW_CONTROL_ERROR, and the other streams go on."""
    reader = Reader()
    async with serving(reader.serve) as address, raw.greeted(address) as peer:
        peer.open(1)
        fill(peer, 1)
        await peer.echoed()
        assert credited(peer, 1) == 0
        peer.say(frames.DATA, 0, 1, b"x")
        assert await peer.reset(1) == frames.FLOW_CONTROL_ERROR
        await until(lambda: reader.inside == 0)
        peer.open(3, end=True)
        reader.may.set()
        assert (await peer.answer(3)).code == 0


async def test_padding_counts() -> None:
    """The window is of frames, and not of what is in them."""
    reader = Reader()
    async with serving(reader.serve) as address, raw.greeted(address) as peer:
        peer.open(1)
        for _ in range(STREAM_WINDOW // 256):
            peer.say(frames.DATA, frames.PADDED, 1, b"\xfe\0" + bytes(254))
        await peer.echoed()
        peer.say(frames.DATA, frames.PADDED, 1, b"\0")
        assert await peer.reset(1) == frames.FLOW_CONTROL_ERROR


async def test_what_is_read_is_credited() -> None:
    """A client that waits for its windows can send without an end, to a handler that reads."""
    reader = Reader()
    async with serving(reader.serve) as address, raw.greeted(address) as peer:
        reader.may.set()
        peer.open(1)
        sent, most = 0, 4 * CONNECTION_WINDOW
        while sent < most:
            window = min(STREAM_WINDOW + credited(peer, 1), frames.DEFAULT_WINDOW + credited(peer, 0))
            while sent + len(PIECE) <= window:
                peer.say(frames.DATA, 0, 1, PIECE)
                sent += len(PIECE)
            await peer.hear()
        peer.say(frames.DATA, frames.END_STREAM, 1)
        assert (await peer.answer(1)).code == 0
        assert reader.read == sent // len(PIECE)


async def test_a_large_message_is_let_in_though_it_is_more_than_a_window() -> None:
    """A part of a message is no reason to wait: nobody could read it."""
    reader = Reader()
    whole = prefixed(bytes(900_000))
    async with serving(reader.serve) as address, raw.greeted(address) as peer:
        peer.open(1)
        for at in range(0, len(whole), len(FULL)):
            while at + len(FULL) > STREAM_WINDOW + credited(peer, 1):
                await peer.hear()
            peer.say(frames.DATA, 0, 1, whole[at : at + len(FULL)])
        peer.say(frames.DATA, frames.END_STREAM, 1)
        reader.may.set()
        assert (await peer.answer(1)).code == 0
        assert reader.read == 1


async def test_a_stream_that_nobody_reads_holds_no_other_up() -> None:
    """Streams whose windows are full leave the connection to the others: they are credited by nobody but readers."""
    reader = Reader()
    async with serving(reader.serve) as address, raw.greeted(address) as peer:
        for stream_id in range(1, 21, 2):
            peer.open(stream_id)
            fill(peer, stream_id)  # together more than twice the window of the connection
        peer.say(frames.HEADERS, frames.END_HEADERS, 21, raw.block([(":path", "/now"), *_rest()]))
        peer.say(frames.DATA, frames.END_STREAM, 21, PIECE)
        assert (await peer.answer(21)).code == 0
        assert reader.read == 1
        assert [credited(peer, stream_id) for stream_id in range(1, 21, 2)] == [0] * 10


def _rest() -> raw.Fields:
    return [one for one in raw.fields() if one[0] != ":path"]


async def test_an_end_without_reading_is_told() -> None:
    """A handler that returns while messages wait ends its call: the client is told to stop sending."""

    async def serve(exchange: Exchange) -> None:
        await exchange.read()
        exchange.finish(OK)

    async with serving(serve) as address, raw.greeted(address) as peer:
        peer.open(1)
        fill(peer, 1)
        assert (await peer.answer(1)).code == 0
        assert await peer.reset(1) == frames.NO_ERROR
        peer.open(3)
        peer.say(frames.DATA, frames.END_STREAM, 3, PIECE)
        assert (await peer.answer(3)).code == 0
