"""Messages inside DATA: whole, in pieces, together, compressed, too large."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from typing import TYPE_CHECKING

import pytest

from mesh.errors import Code
from mesh.http2 import frames
from mesh.http2.messages import Assembler, TooLarge, Unreadable, inflated
from mesh.server import ServerSettings
from tests.mesh.echo import Ping, serialize, until
from tests.mesh.http2 import raw
from tests.mesh.http2.raw import message, prefixed

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.mesh.echo import Running
    from tests.mesh.http2.raw import Peer

LIMIT = ServerSettings().max_receive_bytes
WORDS = [b"", b"a", b"bc", b"d" * 300]


def test_messages_are_found_wherever_their_bytes_are_cut() -> None:
    """With a cut at every byte, and with every byte alone, the same messages come out."""
    data = b"".join(prefixed(word, len(word) & 1) for word in WORDS)
    wanted = [(len(word) & 1, word) for word in WORDS]
    for cut in range(len(data) + 1):
        assembler = Assembler()
        assert assembler.take(data[:cut], 300) + assembler.take(data[cut:], 300) == wanted
        assert assembler.empty
    assembler = Assembler()
    assert [one for at in range(len(data)) for one in assembler.take(data[at : at + 1], 300)] == wanted


def test_a_message_that_is_too_large_is_known_by_its_prefix() -> None:
    """Nothing of it is waited for."""
    assert Assembler().take(prefixed(b"x" * 10)[:5], 10) == []
    with pytest.raises(TooLarge):
        Assembler().take(prefixed(b"x" * 11)[:5], 10)


PACKERS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress}


@pytest.mark.parametrize("encoding", PACKERS)
def test_a_bomb_is_not_unpacked(encoding: str) -> None:
    """100 MB in 100 kB are refused with no more of it in memory than a message may have."""
    bomb = PACKERS[encoding](bytes(100_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            inflated(bomb, encoding, 1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("encoding", PACKERS)
def test_what_is_cut_off_or_spoilt_is_unreadable(encoding: str) -> None:
    """Half of a message is none."""
    packed = PACKERS[encoding](b"hello" * 100)
    assert inflated(packed, encoding, 500) == b"hello" * 100
    for bad in (packed[:-9], b"", b"\0" + packed):
        with pytest.raises(Unreadable):
            inflated(bad, encoding, 500)


@pytest.mark.parametrize("encoding", PACKERS)
async def test_compressed_messages_are_read(peer: Peer, encoding: str) -> None:
    """What the server says it accepts, it does; messages beside them may come as they are."""
    packed = prefixed(PACKERS[encoding](serialize(Ping(text="packed"))), 1)
    peer.call(1, "Collect", message("a") + packed + message("b"), ("grpc-encoding", encoding))
    answer = await peer.answer(1)
    assert (answer.data, answer.code) == (message("a,packed,b"), Code.OK)
    assert encoding in answer.headers["grpc-accept-encoding"].split(",")


UNREADABLE = {
    "unknown encoding": (prefixed(b"hello", 1), (("grpc-encoding", "br"),), Code.UNIMPLEMENTED),
    "no encoding": (prefixed(b"hello", 1), (), Code.UNIMPLEMENTED),
    "no gzip": (prefixed(b"hello", 1), (("grpc-encoding", "gzip"),), Code.UNIMPLEMENTED),
    "bomb": (prefixed(gzip.compress(bytes(LIMIT + 1)), 1), (("grpc-encoding", "gzip"),), Code.RESOURCE_EXHAUSTED),
    "too large": (prefixed(bytes(LIMIT + 1))[:20], (), Code.RESOURCE_EXHAUSTED),
    "4 GB": (b"\0\xff\xff\xff\xff", (), Code.RESOURCE_EXHAUSTED),
    "cut off": (message()[:-1], (), Code.INVALID_ARGUMENT),
    "cut off in its prefix": (message()[:3], (), Code.INVALID_ARGUMENT),
}


@pytest.mark.parametrize("body, more, code", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("rpc", ["Say", "Chat"])
async def test_what_cannot_be_read_is_a_status(
    peer: Peer, rpc: str, body: bytes, more: tuple[tuple[str, str], ...], code: Code
) -> None:
    """The call ends with the code that says what is wrong, and the connection goes on."""
    peer.call(1, rpc, body, *more)
    assert (await peer.answer(1)).code == code
    await peer.serves(3)


async def test_messages_before_one_that_cannot_be_read_are_served(peer: Peer) -> None:
    """A fault takes effect where it is in the order of messages."""
    peer.call(1, "Chat", message("a") + prefixed(b"x", 1))
    answer = await peer.answer(1)
    assert (answer.data, answer.code) == (message("a"), Code.UNIMPLEMENTED)


async def test_compressed_messages_wait_as_they_came(echo: Running, peer: Peer) -> None:
    """A stream that nobody reads holds what its peer has sent, and not the thousandfold that it may become."""
    packed = prefixed(gzip.compress(bytes(1_000_000)), 1)
    tracemalloc.start()
    try:
        peer.open(1, "Chat", ("grpc-encoding", "gzip"))
        peer.settings(INITIAL_WINDOW=0)
        peer.say(frames.DATA, 0, 1, message("hi"))  # the handler now waits for the window
        for _ in range(200):
            peer.say(frames.DATA, 0, 1, packed)
        await until(lambda: echo.servicer.inside == 1)
        await peer.echoed()
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


async def test_one_message_in_many_frames(peer: Peer) -> None:
    """A message of a byte in each frame is one message."""
    peer.open(1)
    for at in range(len(message())):
        peer.say(frames.DATA, 0, 1, message()[at : at + 1])
    peer.say(frames.DATA, frames.END_STREAM, 1)
    assert (await peer.answer(1)).data == message()


async def test_many_messages_in_one_frame(peer: Peer) -> None:
    """A thousand that come together, the last cut in two, are a thousand."""
    said = b"".join(message(str(number)) for number in range(1_000))
    peer.open(1, "Collect")
    peer.say(frames.DATA, 0, 1, said[:-3])
    peer.say(frames.DATA, frames.END_STREAM, 1, said[-3:])
    assert (await peer.answer(1)).data == message(",".join(map(str, range(1_000))))


@pytest.mark.parametrize("empty", [b"\0\0\0\0\0"])
async def test_empty_messages_are_messages(peer: Peer, empty: bytes) -> None:
    """Five bytes without a body are a message whose fields are all left out."""
    peer.call(1, "Chat", empty * 3)
    assert (await peer.answer(1)).data == empty * 3
    assert raw.message("") == empty
