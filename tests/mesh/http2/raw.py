"""A client that says what it is told to, frame by frame, and hears what is answered."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import hpack

from mesh.http2 import frames
from tests.mesh.echo import Ping, path, serialize

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
LAST: Final = frames.END_HEADERS | frames.END_STREAM
PATIENCE_S: Final = 30.0

Fields = list[tuple[str, str]]


class Frame(NamedTuple):
    """One frame that came."""

    kind: int
    flags: int
    stream_id: int
    payload: bytes

    @property
    def number(self) -> int:
        """What RST_STREAM and WINDOW_UPDATE say."""
        return int.from_bytes(self.payload, "big")


@dataclass
class Answer:
    """What came on one stream: headers and trailers together, the bytes of messages, and how it ended."""

    headers: dict[str, str] = field(default_factory=dict)
    data: bytes = b""
    reset: int | None = None

    @property
    def code(self) -> int:
        """The status of gRPC."""
        return int(self.headers["grpc-status"])


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """Return the bytes of one frame."""
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream_id.to_bytes(4, "big") + payload


def message(text: str = "hello") -> bytes:
    """Return a request with this text, as gRPC frames it."""
    data = serialize(Ping(text=text))
    return prefixed(data)


def prefixed(data: bytes, flag: int = 0) -> bytes:
    """Return a message as gRPC frames it."""
    return struct.pack("!BI", flag, len(data)) + data


def fields(rpc: str = "Say", *more: tuple[str, str]) -> Fields:
    """Return the head of a call."""
    return [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path(rpc)),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        *more,
    ]


def block(said: Fields) -> bytes:
    """Return a header block that refers to no table."""
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in said]
    return b"".join(b"\0" + string(name) + string(value) for name, value in encoded)


def string(data: bytes) -> bytes:
    """Return a string as HPACK has it, without Huffman's code."""
    return bytes(hpack.hpack.encode_integer(len(data), 7)) + data


class Peer:
    """One connection. What is heard is kept in order; `heard` holds all of it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard: list[Frame] = []
        self.writer = writer
        self._reader = reader
        self._decoder = hpack.Decoder()

    def write(self, data: bytes) -> None:
        """Say these bytes, to a server that may have hung up."""
        if not self.writer.transport.is_closing():
            self.writer.write(data)

    def say(self, kind: int, flags: int, stream_id: int, payload: bytes = b"") -> None:
        """Say one frame."""
        self.write(frame(kind, flags, stream_id, payload))

    def widen(self, stream_id: int, more: int) -> None:
        """Take so many bytes more."""
        self.say(frames.WINDOW_UPDATE, 0, stream_id, more.to_bytes(4, "big"))

    def settings(self, **values: int) -> None:
        """Say what this end takes, by the names that `mesh.http2.frames` has for it."""
        payload = b"".join(struct.pack("!HI", getattr(frames, name), value) for name, value in values.items())
        self.say(frames.SETTINGS, 0, 0, payload)

    def open(self, stream_id: int, rpc: str = "Say", *more: tuple[str, str], end: bool = False) -> None:
        """Begin a call."""
        self.say(frames.HEADERS, LAST if end else frames.END_HEADERS, stream_id, block(fields(rpc, *more)))

    def call(self, stream_id: int, rpc: str = "Say", body: bytes | None = None, *more: tuple[str, str]) -> None:
        """Make a whole call."""
        self.open(stream_id, rpc, *more)
        self.say(frames.DATA, frames.END_STREAM, stream_id, message() if body is None else body)

    async def hear(self) -> Frame | None:
        """Return the next frame, None when the server hung up."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                head = await self._reader.readexactly(9)
                size = int.from_bytes(head[:3], "big")
                payload = await self._reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        heard = Frame(head[3], head[4], int.from_bytes(head[5:], "big"), payload)
        self.heard.append(heard)
        return heard

    async def until(self, kind: int, stream_id: int = 0, flags: int = 0) -> Frame:
        """Return the next frame of this kind, on this stream, with these flags at least."""
        while heard := await self.hear():
            if (heard.kind, heard.stream_id) == (kind, stream_id) and heard.flags & flags == flags:
                return heard
        raise AssertionError(f"the server hung up; it said {self.heard}")

    async def answer(self, stream_id: int) -> Answer:
        """Return what comes on one stream until it ends. Header blocks of others are read, and forgotten."""
        answer = Answer()
        while heard := await self.hear():
            said: Any = self._decoder.decode(heard.payload) if heard.kind == frames.HEADERS else ()
            if heard.stream_id != stream_id:
                continue
            answer.headers.update(said)
            if heard.kind == frames.DATA:
                answer.data += heard.payload
            elif heard.kind == frames.RST_STREAM:
                answer.reset = heard.number
                return answer
            if heard.flags & frames.END_STREAM and heard.kind in {frames.DATA, frames.HEADERS}:
                return answer
        raise AssertionError(f"the server hung up; it said {self.heard}")

    async def reset(self, stream_id: int) -> int:
        """Return the code with which a stream is reset."""
        return (await self.until(frames.RST_STREAM, stream_id)).number

    async def goaway(self) -> int:
        """Return the code with which the server hangs up; it says nothing after it."""
        while await self.hear():
            pass
        assert self.heard, "the server hung up without a word"
        last = self.heard[-1]
        assert last.kind == frames.GOAWAY, last
        return int.from_bytes(last.payload[4:8], "big")

    async def echoed(self) -> None:
        """Wait until the server has taken all that was said, and answered it."""
        self.say(frames.PING, 0, 0, b"hear me!")
        while (await self.until(frames.PING, flags=frames.ACK)).payload != b"hear me!":
            pass

    async def serves(self, stream_id: int) -> None:
        """Prove that the connection lives: a call on it is answered."""
        self.call(stream_id)
        answer = await self.answer(stream_id)
        assert (answer.headers.get("grpc-status"), answer.data) == ("0", message()), (answer, self.heard)


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[Peer]:
    """Connect, and say nothing."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield Peer(reader, writer)
    finally:
        writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@asynccontextmanager
async def greeted(address: str, **values: int) -> AsyncIterator[Peer]:
    """Connect, and say what every client says first."""
    async with connected(address) as peer:
        peer.write(PREFACE)
        peer.settings(**values)
        peer.say(frames.SETTINGS, frames.ACK, 0)
        await peer.until(frames.SETTINGS, flags=frames.ACK)
        yield peer
