"""A socket as frames of HTTP/2: what arrives is cut into frames, and what one turn of the loop writes is joined."""

from __future__ import annotations

import asyncio
from typing import Final, cast

from mesh.http2 import frames
from mesh.http2.frames import ConnectionFault
from mesh.http2.pings import PONG

WRITE_BUFFER: Final = 256 * 1024
"""Bytes that may wait for the socket before RPCs stop writing."""

JOINED: Final = 64 * 1024
"""Bytes that are kept for the end of a turn. More are not: who never has to wait would write for ever."""

MOST_WAITING: Final = 4 * WRITE_BUFFER
"""Bytes that may wait before this end stops reading too. Only answers to frames come this far: two ends that both
stopped at WRITE_BUFFER, full of messages, would wait for each other."""


class Framed(asyncio.Protocol):
    """One end of a connection. Subclasses say what a frame means, what is said first, and how it ends."""

    __slots__ = ("_gone", "_heard", "_out", "_preface_left", "_rest", "_time", "_transport", "_unflushed", "_writable")

    def __init__(self, preface: bytes) -> None:
        self._transport: asyncio.Transport | None = None
        self._preface_left = preface
        """What the peer has yet to say before its first frame."""
        self._rest = b""
        self._out: list[bytes] = []
        self._unflushed = 0
        self._writable = True
        self._gone = False
        self._time = asyncio.get_running_loop().time
        self._heard = self._time()
        """When something came last."""

    @property
    def host(self) -> str:
        """The address of the peer, `unix` for a socket of this machine."""
        name = self._transport.get_extra_info("peername") if self._transport else None
        return str(name[0]).removeprefix("::ffff:") if isinstance(name, tuple) else "unix"

    # What the socket says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(WRITE_BUFFER)

    def pause_writing(self) -> None:
        """Let no RPC write."""
        self._writable = False

    def resume_writing(self) -> None:
        """Go on."""
        self._writable = True
        if self._transport is not None and not self._gone:
            self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Take all frames that are complete."""
        if self._gone:
            return
        self._heard = self._time()
        if data == PONG and self._may_begin():
            return  # most of what an idle peer says, and it has said all when it has come
        if self._rest:
            data = self._rest + data
        at = 0
        try:
            if self._preface_left:
                at = self._greeted(data)
            at = self._take(data, at)
        except ConnectionFault as fault:
            self._fail(fault.code)
            return
        self._rest = data[at:]
        if not self._writable:
            self._hold()

    def _may_begin(self) -> bool:
        """Whether a frame of any kind may begin here."""
        return not (self._rest or self._preface_left)

    def _greeted(self, data: bytes) -> int:
        """Compare with what every client says first, and return how much of it came."""
        size = min(len(data), len(self._preface_left))
        if data[:size] != self._preface_left[:size]:
            raise ConnectionFault(frames.PROTOCOL_ERROR)
        self._preface_left = self._preface_left[size:]
        return size

    def _take(self, data: bytes, at: int) -> int:
        """Take the frames from here on, and return where the last complete one ends."""
        left = len(data) - at
        while left >= frames.HEAD.size and not self._gone:
            high, low, kind, flags, stream_id = frames.HEAD.unpack_from(data, at)
            size = high << 8 | low
            if size > frames.SMALLEST_MAX_FRAME:
                raise ConnectionFault(frames.FRAME_SIZE_ERROR)
            left -= frames.HEAD.size + size
            if left < 0:
                break
            at += frames.HEAD.size + size
            self._frame(kind, flags, stream_id & frames.STREAM_BITS, data[at - size : at])
        return at

    def _hold(self) -> None:
        """Who does not read what it is sent is at last not read either, so nothing grows without a bound."""
        if self._transport is not None and not self._gone and self._transport.get_write_buffer_size() > MOST_WAITING:
            self._transport.pause_reading()

    def _frame(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        """Take one frame. Raises ConnectionFault."""
        raise NotImplementedError

    def _fail(self, code: int) -> None:
        """End the connection for a fault of the peer."""
        raise NotImplementedError

    # What is written.

    def write(self, data: bytes) -> None:
        """Hand frames to the socket, together with what else is written in this turn of the loop: a call costs 6 µs."""
        if not self._out:
            asyncio.get_running_loop().call_soon(self._flush)
        self._out.append(data)
        self._unflushed += len(data)
        if self._unflushed >= JOINED:
            self._flush()

    def write_now(self, data: bytes) -> None:
        """Hand a frame over that nothing joins, at once and behind what waits: to be called later costs 6 µs more."""
        self._out.append(data)
        self._flush()

    def abort(self) -> None:
        """Hang up at once."""
        self._gone = True
        if self._transport is not None:
            self._transport.abort()

    def _flush(self) -> None:
        out, self._out, self._unflushed = self._out, [], 0
        if out and self._transport is not None and not self._gone:
            self._transport.write(out[0] if len(out) == 1 else b"".join(out))

    def _hang_up(self) -> None:
        """Hang up when all has been sent."""
        self._flush()
        self._gone = True
        if self._transport is not None:
            self._transport.close()
