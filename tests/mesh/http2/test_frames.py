"""Frames as they may come, and as they may not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from mesh.http2 import frames
from mesh.http2.pings import PONG
from tests.mesh.echo import until
from tests.mesh.http2 import raw
from tests.mesh.http2.raw import LAST, PREFACE, frame, message, prefixed

if TYPE_CHECKING:
    from tests.mesh.echo import Running
    from tests.mesh.http2.raw import Peer

HEAD = raw.block(raw.fields())
GREETING = PREFACE + frame(frames.SETTINGS, 0, 0) + frame(frames.SETTINGS, frames.ACK, 0)


def called(stream_id: int, said: bytes = message()) -> bytes:
    """Return a call as bytes."""
    head = frame(frames.HEADERS, frames.END_HEADERS, stream_id, HEAD)
    return head + frame(frames.DATA, frames.END_STREAM, stream_id, said)


CALL = called(1)


@pytest.mark.parametrize("size", [1, 7])
async def test_bytes_may_come_in_any_pieces(echo: Running, peer: Peer, size: int) -> None:
    """A greeting and a call that arrive byte by byte are understood as if they came at once."""
    said = GREETING + CALL
    async with raw.connected(echo.address) as slow:
        for at in range(0, len(said), size):
            slow.write(said[at : at + size])
            await peer.serves(2 * at + 1)  # the server has read the piece, and waits for the next
        assert (await slow.answer(1)).data == message()


async def test_a_cut_anywhere_does_no_harm(echo: Running, peer: Peer) -> None:
    """A call that is cut in two after any of its bytes is one call."""
    async with raw.greeted(echo.address) as slow:
        for at in range(1, len(CALL)):
            stream_id = 2 * at - 1
            call = called(stream_id)
            slow.write(call[:at])
            await peer.serves(stream_id)
            slow.write(call[at:])
            assert (await slow.answer(stream_id)).data == message()


async def test_what_looks_like_the_answer_to_a_ping_may_be_the_rest_of_a_message(echo: Running, peer: Peer) -> None:
    """It may have the very bytes of such a frame, here as a field that nobody knows, and come alone."""
    call = called(1, prefixed(message()[5:] + b"\x9a\x06" + bytes([len(PONG)]) + PONG))
    async with raw.greeted(echo.address) as slow:
        slow.write(call[: -len(PONG)])
        await peer.serves(1)
        slow.write(PONG)
        assert (await slow.answer(1)).data == message()


@pytest.mark.parametrize("first", [b"X", PREFACE[:-1] + b"\0", b"PRI * HTTP/2.1"])
async def test_who_does_not_say_the_preface_is_sent_away(echo: Running, first: bytes) -> None:
    """The first byte that differs ends it, without waiting for the rest."""
    async with raw.connected(echo.address) as peer:
        peer.write(first)
        assert await peer.goaway() == frames.PROTOCOL_ERROR


async def test_padding_and_priority_are_taken_off(peer: Peer) -> None:
    """What a client may add to HEADERS and DATA changes nothing."""
    flags = frames.END_HEADERS | frames.PADDED | frames.PRIORITIZED
    peer.say(frames.HEADERS, flags, 1, b"\x05" + b"\0\0\0\0\x10" + HEAD + bytes(5))
    peer.say(frames.DATA, frames.PADDED, 1, b"\xff" + message() + bytes(255))
    peer.say(frames.DATA, frames.PADDED | frames.END_STREAM, 1, b"\x00")
    assert (await peer.answer(1)).data == message()


@pytest.mark.parametrize("stream_id", [0, 1, 7])
async def test_unknown_frames_are_ignored(peer: Peer, stream_id: int) -> None:
    """Kinds and flags that nobody knows yet are no error, on no stream and on any."""
    peer.say(0xEE, 0xFF, stream_id, b"whatever")
    peer.say(frames.PING, 0xFE, 0, b"12345678")
    await peer.serves(1)


async def test_the_reserved_bit_is_ignored(peer: Peer) -> None:
    """The first bit of a stream's number and of a window is nobody's."""
    peer.say(frames.HEADERS, frames.END_HEADERS, 1 | 1 << 31, HEAD)
    peer.widen(1 | 1 << 31, 1 | 1 << 31)
    peer.say(frames.DATA, frames.END_STREAM, 1 | 1 << 31, message())
    assert (await peer.answer(1)).data == message()


WIDEST = frame(frames.SETTINGS, 0, 0, b"\0\4\x7f\xff\xff\xff")
OPEN = frame(frames.HEADERS, frames.END_HEADERS, 1, raw.block(raw.fields("Chat")))


@pytest.mark.parametrize(
    "said, code",
    [
        pytest.param(frame(frames.DATA, 0, 0, b"x"), frames.PROTOCOL_ERROR, id="DATA on no stream"),
        pytest.param(frame(frames.DATA, 0, 1, b"x"), frames.PROTOCOL_ERROR, id="DATA before HEADERS"),
        pytest.param(frame(frames.DATA, 0, 2, b"x"), frames.PROTOCOL_ERROR, id="DATA on a stream of ours"),
        pytest.param(OPEN + frame(frames.DATA, frames.PADDED, 1), frames.FRAME_SIZE_ERROR, id="no padding length"),
        pytest.param(OPEN + frame(frames.DATA, frames.PADDED, 1, b"\1"), frames.PROTOCOL_ERROR, id="padding too long"),
        pytest.param(OPEN + frame(frames.DATA, 0, 1, bytes(16_385)), frames.FRAME_SIZE_ERROR, id="frame too long"),
        pytest.param(frame(0xEE, 0, 0, bytes(16_385)), frames.FRAME_SIZE_ERROR, id="unknown frame too long"),
        pytest.param(frame(frames.HEADERS, LAST, 0, HEAD), frames.PROTOCOL_ERROR, id="HEADERS on no stream"),
        pytest.param(frame(frames.HEADERS, LAST, 2, HEAD), frames.PROTOCOL_ERROR, id="HEADERS on a stream of ours"),
        pytest.param(
            frame(frames.HEADERS, LAST | frames.PADDED, 1, b"\xff" + HEAD[:9]), frames.PROTOCOL_ERROR, id="padded away"
        ),
        pytest.param(
            frame(frames.HEADERS, LAST | frames.PRIORITIZED, 1, b"\0\0\0\0"), frames.FRAME_SIZE_ERROR, id="no priority"
        ),
        pytest.param(
            frame(frames.HEADERS, LAST | frames.PRIORITIZED, 1, b"\0\0\0\1\0" + HEAD), frames.PROTOCOL_ERROR, id="self"
        ),
        pytest.param(frame(frames.PRIORITY, 0, 0, bytes(5)), frames.PROTOCOL_ERROR, id="PRIORITY on no stream"),
        pytest.param(frame(frames.RST_STREAM, 0, 0, bytes(4)), frames.PROTOCOL_ERROR, id="RST_STREAM on no stream"),
        pytest.param(frame(frames.RST_STREAM, 0, 1, bytes(4)), frames.PROTOCOL_ERROR, id="RST_STREAM before HEADERS"),
        pytest.param(OPEN + frame(frames.RST_STREAM, 0, 1, b"x"), frames.FRAME_SIZE_ERROR, id="short RST_STREAM"),
        pytest.param(frame(frames.SETTINGS, 0, 1), frames.PROTOCOL_ERROR, id="SETTINGS on a stream"),
        pytest.param(frame(frames.SETTINGS, 0, 0, bytes(5)), frames.FRAME_SIZE_ERROR, id="SETTINGS of five bytes"),
        pytest.param(frame(frames.SETTINGS, frames.ACK, 0, bytes(6)), frames.FRAME_SIZE_ERROR, id="ACK that says more"),
        pytest.param(frame(frames.SETTINGS, 0, 0, b"\0\2\0\0\0\2"), frames.PROTOCOL_ERROR, id="ENABLE_PUSH of 2"),
        pytest.param(frame(frames.SETTINGS, 0, 0, b"\0\4\x80\0\0\0"), frames.FLOW_CONTROL_ERROR, id="window of 2^31"),
        pytest.param(frame(frames.SETTINGS, 0, 0, b"\0\5\0\0\x3f\xff"), frames.PROTOCOL_ERROR, id="small MAX_FRAME"),
        pytest.param(frame(frames.SETTINGS, 0, 0, b"\0\5\1\0\0\0"), frames.PROTOCOL_ERROR, id="large MAX_FRAME"),
        pytest.param(frame(frames.PUSH_PROMISE, 4, 1, bytes(4)), frames.PROTOCOL_ERROR, id="PUSH_PROMISE"),
        pytest.param(frame(frames.PING, 0, 1, bytes(8)), frames.PROTOCOL_ERROR, id="PING on a stream"),
        pytest.param(frame(frames.PING, 0, 0, bytes(7)), frames.FRAME_SIZE_ERROR, id="PING of seven bytes"),
        pytest.param(frame(frames.GOAWAY, 0, 1, bytes(8)), frames.PROTOCOL_ERROR, id="GOAWAY on a stream"),
        pytest.param(frame(frames.WINDOW_UPDATE, 0, 0, bytes(3)), frames.FRAME_SIZE_ERROR, id="short WINDOW_UPDATE"),
        pytest.param(frame(frames.WINDOW_UPDATE, 0, 0, bytes(4)), frames.PROTOCOL_ERROR, id="WINDOW_UPDATE of 0"),
        pytest.param(
            frame(frames.WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff"), frames.FLOW_CONTROL_ERROR, id="window above 2^31-1"
        ),
        pytest.param(frame(frames.WINDOW_UPDATE, 0, 1, b"\0\0\0\1"), frames.PROTOCOL_ERROR, id="window too early"),
        pytest.param(
            OPEN
            + frame(frames.WINDOW_UPDATE, 0, 1, b"\0\0\0\1")
            + frame(frames.SETTINGS, 0, 0, b"\0\4\x7f\xff\xff\xff"),
            frames.FLOW_CONTROL_ERROR,
            id="settings that widen a stream too far",
        ),
    ],
)
async def test_a_fault_of_the_connection_ends_it(echo: Running, peer: Peer, said: bytes, code: int) -> None:
    """GOAWAY names the fault, the handlers of the connection end, and others are served as before."""
    peer.write(said)
    assert await peer.goaway() == code
    await until(lambda: echo.servicer.inside == 0)
    assert await echo.call("Say") == "hello"


@pytest.mark.parametrize(
    "said, code",
    [
        pytest.param(frame(frames.PRIORITY, 0, 1, bytes(4)), frames.FRAME_SIZE_ERROR, id="short PRIORITY"),
        pytest.param(frame(frames.PRIORITY, 0, 1, b"\0\0\0\1\0"), frames.PROTOCOL_ERROR, id="PRIORITY on itself"),
        pytest.param(frame(frames.WINDOW_UPDATE, 0, 1, bytes(4)), frames.PROTOCOL_ERROR, id="WINDOW_UPDATE of 0"),
        pytest.param(
            frame(frames.WINDOW_UPDATE, 0, 1, b"\x7f\xff\xff\xff"), frames.FLOW_CONTROL_ERROR, id="window above 2^31-1"
        ),
        pytest.param(frame(frames.HEADERS, LAST, 1, raw.block([(":path", "/")])), frames.PROTOCOL_ERROR, id="trailers"),
        pytest.param(frame(frames.HEADERS, 4, 1, raw.block([("a", "b")])), frames.PROTOCOL_ERROR, id="no trailers"),
        pytest.param(
            frame(frames.DATA, frames.END_STREAM, 1) + frame(frames.DATA, 0, 1, b"x"), frames.STREAM_CLOSED, id="after"
        ),
        pytest.param(
            frame(frames.DATA, frames.END_STREAM, 1) + frame(frames.HEADERS, LAST, 1, HEAD),
            frames.STREAM_CLOSED,
            id="HEADERS after the end",
        ),
    ],
)
async def test_a_fault_of_a_stream_ends_that_one_alone(echo: Running, peer: Peer, said: bytes, code: int) -> None:
    """RST_STREAM names the fault, the handler is interrupted, and the connection goes on."""
    peer.open(1, "Chat")
    peer.write(said)
    assert await peer.reset(1) == code
    await peer.serves(3)
    await until(lambda: echo.servicer.inside == 0)


async def test_what_comes_for_a_closed_stream_ends_nothing_else(peer: Peer) -> None:
    """Frames that crossed with the end of their stream are harmless: DATA is answered by a reset, others by nothing."""
    await peer.serves(1)
    peer.widen(1, 5)
    peer.say(frames.PRIORITY, 0, 1, bytes(5))
    peer.say(frames.RST_STREAM, 0, 1, bytes(4))
    peer.say(frames.DATA, 0, 1, b"late")
    assert await peer.reset(1) == frames.STREAM_CLOSED
    await peer.serves(3)


@pytest.mark.parametrize("again", [1, 3])
async def test_a_number_is_used_once(peer: Peer, again: int) -> None:
    """Streams that were, or were passed over, cannot be opened any more."""
    await peer.serves(5)
    peer.call(again)
    assert await peer.goaway() == frames.STREAM_CLOSED


async def test_trailers_end_a_request(peer: Peer) -> None:
    """A client may say headers in place of the last, empty, DATA."""
    peer.open(1)
    peer.say(frames.DATA, 0, 1, message())
    peer.say(frames.HEADERS, LAST, 1, raw.block([("x-last", "word")]))
    assert (await peer.answer(1)).data == message()


async def test_an_answer_does_not_wait_for_the_kernel_of_its_peer(peer: Peer) -> None:
    """A hundred answers of several frames come in half the time that delayed ACKs of their first ones would take."""
    began = asyncio.get_running_loop().time()
    for number in range(100):
        await peer.serves(2 * number + 1)
    assert asyncio.get_running_loop().time() - began < 100 * 0.04 / 2
