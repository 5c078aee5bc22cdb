"""Header blocks that come in pieces, are rubbish, or grow when they are unpacked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hpack
import pytest

from mesh.errors import Code
from mesh.http2 import blocks, frames
from mesh.http2.pings import PONG
from tests.mesh.http2 import raw
from tests.mesh.http2.raw import frame, message

if TYPE_CHECKING:
    from tests.mesh.echo import Running
    from tests.mesh.http2.raw import Peer

HEAD = raw.block(raw.fields())
BEGIN = frame(frames.HEADERS, 0, 1, HEAD[:10])
GO_ON = frame(frames.CONTINUATION, 0, 1)


def huge(size: int) -> bytes:
    """Return the block of a call with one header of this many bytes."""
    return raw.block(raw.fields("Say", ("x-large", "a" * size)))


def in_pieces(block: bytes, size: int) -> bytes:
    """Return the frames of a block that is cut after each `size` bytes."""
    pieces = [block[at : at + size] for at in range(0, len(block), size)]
    last = len(pieces) - 1
    return b"".join(
        frame(frames.CONTINUATION if at else frames.HEADERS, 0 if at < last else frames.END_HEADERS, 1, piece)
        for at, piece in enumerate(pieces)
    )


@pytest.mark.parametrize("size", [len(HEAD) // blocks.MAX_PIECES + 1, 100])
async def test_a_block_may_come_in_pieces(peer: Peer, size: int) -> None:
    """CONTINUATION goes on where HEADERS was cut, also inside a field."""
    peer.write(in_pieces(HEAD, size) + frame(frames.DATA, frames.END_STREAM, 1, message()))
    assert (await peer.answer(1)).data == message()


async def test_the_end_of_a_stream_may_be_said_with_a_block_in_pieces(peer: Peer) -> None:
    """It is a flag of HEADERS, and holds when the block is complete."""
    peer.say(frames.HEADERS, frames.END_STREAM, 1, HEAD[:50])
    peer.say(frames.CONTINUATION, frames.END_HEADERS, 1, HEAD[50:])
    assert (await peer.answer(1)).code == Code.INVALID_ARGUMENT  # a call without a message


@pytest.mark.parametrize(
    "said, code",
    [
        pytest.param(GO_ON, frames.PROTOCOL_ERROR, id="none has begun"),
        pytest.param(frame(frames.CONTINUATION, 4, 0), frames.PROTOCOL_ERROR, id="on no stream"),
        pytest.param(BEGIN + frame(frames.CONTINUATION, 4, 3), frames.PROTOCOL_ERROR, id="of another stream"),
        pytest.param(BEGIN + frame(frames.DATA, 0, 1, b"x"), frames.PROTOCOL_ERROR, id="DATA between"),
        pytest.param(BEGIN + frame(frames.PING, 0, 0, bytes(8)), frames.PROTOCOL_ERROR, id="PING between"),
        pytest.param(BEGIN + frame(0xEE, 0, 0), frames.PROTOCOL_ERROR, id="an unknown frame between"),
        pytest.param(BEGIN + frame(frames.HEADERS, 5, 3, HEAD), frames.PROTOCOL_ERROR, id="HEADERS between"),
        pytest.param(BEGIN + GO_ON * (blocks.MAX_PIECES + 1), frames.ENHANCE_YOUR_CALM, id="many, and empty"),
        pytest.param(in_pieces(huge(60_000), 900), frames.ENHANCE_YOUR_CALM, id="many"),
        pytest.param(in_pieces(huge(blocks.MAX_BYTES), 16_384), frames.ENHANCE_YOUR_CALM, id="too large"),
    ],
)
async def test_a_block_in_pieces_has_its_rules(echo: Running, peer: Peer, said: bytes, code: int) -> None:
    """Nothing comes between its frames, and neither they nor their bytes are without a bound."""
    peer.write(said)
    assert await peer.goaway() == code
    assert await echo.call("Say") == "hello"


async def test_the_answer_to_a_ping_is_no_part_of_a_block(peer: Peer) -> None:
    """Nothing may come between, also what is of no use and comes alone."""
    peer.write(frame(frames.PING, 0, 0, bytes(8)) + BEGIN)
    await peer.until(frames.PING, 0)
    peer.write(PONG)
    assert await peer.goaway() == frames.PROTOCOL_ERROR


def entered(name: bytes, value: bytes) -> bytes:
    """Return a field that enters the table."""
    return b"\x40" + raw.string(name) + raw.string(value)


BOMB = entered(b"x", b"a" * 4_000) + b"\xbe" * 10_000
"""A field of 4 kB, and ten thousand times the same: 40 MB in 14 kB."""


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(b"\x80", id="index 0"),
        pytest.param(b"\xff\x7f", id="index that is not there"),
        pytest.param(b"\xbe", id="index into an empty table"),
        pytest.param(b"\x7f" + b"\xff" * 9_000 + b"\x01", id="number of nine thousand bytes"),
        pytest.param(b"\x00\x05ab", id="string that is cut off"),
        pytest.param(b"\x00\x81\xff\x01a", id="bad Huffman"),
        pytest.param(b"\x3f\xe1\x7f" + HEAD, id="table larger than was allowed"),
        pytest.param(HEAD + b"\x20", id="table size at the end"),
        pytest.param(BOMB, id="bomb"),
        pytest.param(bytes(range(256)), id="noise"),
    ],
)
async def test_rubbish_in_a_block_ends_the_connection(echo: Running, peer: Peer, block: bytes) -> None:
    """What cannot be unpacked leaves tables that nobody can rely on."""
    peer.say(frames.HEADERS, raw.LAST, 1, block)
    assert await peer.goaway() == frames.COMPRESSION_ERROR
    assert await echo.call("Say") == "hello"


@pytest.mark.parametrize("size", [16_400, 60_000])
async def test_headers_that_are_too_large_refuse_one_call(peer: Peer, size: int) -> None:
    """They are answered with RESOURCE_EXHAUSTED, and the connection serves on."""
    peer.write(in_pieces(huge(size), 16_384))
    assert (await peer.answer(1)).code == Code.RESOURCE_EXHAUSTED
    await peer.serves(3)


async def test_many_small_headers_are_too_large_together(peer: Peer) -> None:
    """Each field counts 32 bytes beside its own, as the RFC says."""
    peer.open(1, "Say", *((f"x-{at}", "") for at in range(480)))
    assert (await peer.answer(1)).code == Code.RESOURCE_EXHAUSTED


async def test_tables_survive_calls_that_are_refused(peer: Peer) -> None:
    """Whatever a block is answered with, what it entered into the table is there for the next."""
    encoder = hpack.Encoder()
    refused = [*raw.fields("Say", ("x-kept", "value"), ("te", "gzip"))]
    peer.say(frames.HEADERS, raw.LAST, 1, encoder.encode(refused))
    assert await peer.reset(1) == frames.PROTOCOL_ERROR
    peer.say(frames.HEADERS, frames.END_HEADERS, 3, encoder.encode(raw.fields("Say", ("x-kept", "value"))))
    peer.say(frames.DATA, frames.END_STREAM, 3, message())
    assert (await peer.answer(3)).data == message()
