"""One connection of HTTP/2 (RFC 9113), as far as gRPC needs it, from the side that answers.

Frames are taken apart where they arrive and handed to their RPC; nothing is queued in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Final, cast

from mesh.http2 import frames
from mesh.http2.blocks import Blocks
from mesh.http2.exchange import STREAM_WINDOW
from mesh.http2.frames import ConnectionFault, StreamFault
from mesh.http2.streams import MAX_HEADER_BYTES, Streams
from mesh.http2.vigil import Due, Vigil

if TYPE_CHECKING:
    from mesh.http2.client import Dialler
    from mesh.http2.exchange import Exchange
    from mesh.http2.headers import Field
    from mesh.http2.listener import Listener

CONNECTION_WINDOW: Final = 1024 * 1024
"""Bytes on their way to all RPCs of a connection. What arrives is credited at once: each RPC has a window too."""

MAX_FRAME_OUT: Final = 256 * 1024
"""Larger frames than this would keep other RPCs waiting, whatever the peer takes."""

WRITE_BUFFER: Final = 256 * 1024
"""Bytes that may wait for the socket before RPCs stop writing."""

JOINED: Final = 64 * 1024
"""Bytes that are kept for the end of a turn. More are not: who never has to wait would write for ever."""

MOST_WAITING: Final = 4 * WRITE_BUFFER
"""Bytes that may wait before this end stops reading too. Only answers to frames come this far: two ends that both
stopped at WRITE_BUFFER, full of messages, would wait for each other."""

LAST_PING: Final = b"last one"
"""Who has answered it has heard that the connection goes: what it opened before that is known."""

PING: Final = frames.frame(frames.PING, 0, 0, b"are you?")

_OF_RPC: Final = {
    frames.DATA: True,
    frames.HEADERS: True,
    frames.PRIORITY: True,
    frames.RST_STREAM: True,
    frames.CONTINUATION: True,
    frames.SETTINGS: False,
    frames.PING: False,
    frames.GOAWAY: False,
}
_NOT_BEGUN: Final = frozenset((frames.REFUSED_STREAM, frames.STREAM_CLOSED))
"""Faults of a peer that is told too late what it may do: they cost little and say nothing against it."""

_SIZES: Final = {frames.PRIORITY: 5, frames.RST_STREAM: 4, frames.PING: 8, frames.WINDOW_UPDATE: 4}
_PRIORITY_BYTES: Final = 5


class Connection(asyncio.Protocol):
    """One peer."""

    __slots__ = (
        "_blocks", "_closed", "_frame_out", "_gone", "_listener", "_out", "_preface_left", "_rest", "_streams",
        "_transport", "_uncredited", "_unflushed", "_vigil", "_writable", "blocked", "window",
    )  # fmt: skip

    def __init__(self, listener: Listener | Dialler) -> None:
        self.window = frames.DEFAULT_WINDOW
        """Bytes that the peer takes for all RPCs."""
        self.blocked: dict[Exchange, None] = {}
        """RPCs that wait for `window` or for the socket, first come first served."""
        self._listener = listener
        self._transport: asyncio.Transport | None = None
        self._streams = Streams(self, listener.limits.max_streams, listener.start)
        self._blocks = Blocks()
        self._vigil = Vigil(listener.age())
        self._preface_left = frames.PREFACE
        self._rest = b""
        self._out: list[bytes] = []
        self._unflushed = 0
        self._uncredited = 0
        self._frame_out = frames.SMALLEST_MAX_FRAME
        self._writable = True
        self._closed = False  # to new RPCs
        self._gone = False

    @property
    def host(self) -> str:
        """The address of the peer, `unix` for a socket of this machine."""
        name = self._transport.get_extra_info("peername") if self._transport else None
        return str(name[0]).removeprefix("::ffff:") if isinstance(name, tuple) else "unix"

    @property
    def max_message(self) -> int:
        """Bytes of a message that this end takes."""
        return self._listener.limits.max_message

    # What the socket says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet the peer, unless there are too many."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(WRITE_BUFFER)
        if not self._listener.entered(self):
            self._transport.abort()
            return
        told = {
            frames.MAX_STREAMS: self._listener.limits.max_streams,
            frames.INITIAL_WINDOW: STREAM_WINDOW,
            frames.MAX_HEADER_LIST: MAX_HEADER_BYTES,
        }
        more = CONNECTION_WINDOW - frames.DEFAULT_WINDOW
        self.write(frames.settings(told) + frames.number(frames.WINDOW_UPDATE, 0, more))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  whatever it was
        """Free all handlers."""
        self._gone = True
        self._streams.close()
        self._listener.left(self)

    def pause_writing(self) -> None:
        """Let no RPC write."""
        self._writable = False

    def resume_writing(self) -> None:
        """Go on."""
        self._writable = True
        if self._transport is not None and not self._gone:
            self._transport.resume_reading()
        self._pump()

    def data_received(self, data: bytes) -> None:
        """Take all frames that are complete."""
        if self._gone:
            return
        self._vigil.heard = True
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

    def _hold(self) -> None:
        """Who does not read what it is sent is at last not read either, so nothing grows without a bound."""
        if self._transport is not None and not self._gone and self._transport.get_write_buffer_size() > MOST_WAITING:
            self._transport.pause_reading()

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
            stream_id &= frames.STREAM_BITS
            try:
                self._dispatch(kind, flags, stream_id, data[at - size : at])
            except StreamFault as fault:
                self._broken(stream_id, fault.code)
        return at

    def _broken(self, stream_id: int, code: int) -> None:
        """Reset an RPC whose peer broke the protocol: who makes this end do it may not do it more often than itself."""
        if code not in _NOT_BEGUN and not self._vigil.bears_reset():
            raise ConnectionFault(frames.ENHANCE_YOUR_CALM)
        self.reset(stream_id, code)

    def _dispatch(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if self._blocks.stream_id and (kind != frames.CONTINUATION or stream_id != self._blocks.stream_id):
            raise ConnectionFault(frames.PROTOCOL_ERROR)
        if kind == frames.DATA:
            self._data(flags, stream_id, payload)
            return
        if _OF_RPC.get(kind, bool(stream_id)) != bool(stream_id):
            raise ConnectionFault(frames.PROTOCOL_ERROR)
        if len(payload) != _SIZES.get(kind, len(payload)):
            raise (StreamFault if kind == frames.PRIORITY else ConnectionFault)(frames.FRAME_SIZE_ERROR)
        self._KINDS.get(kind, Connection._unknown)(self, flags, stream_id, payload)

    # What frames say about RPCs.

    def _data(self, flags: int, stream_id: int, payload: bytes) -> None:
        size = len(payload)
        self._uncredited += size
        if self._uncredited >= CONNECTION_WINDOW // 2:
            self.write(frames.number(frames.WINDOW_UPDATE, 0, self._uncredited))
            self._uncredited = 0
        if flags & frames.PADDED:
            payload = frames.unpadded(flags, payload)
        exchange = self._streams.find(stream_id)
        if exchange is None:
            raise StreamFault(frames.STREAM_CLOSED)
        if not payload and not flags & frames.END_STREAM:
            self._chatter()
        exchange.received(payload, size, end=bool(flags & frames.END_STREAM))

    def _headers(self, flags: int, stream_id: int, payload: bytes) -> None:
        payload = frames.unpadded(flags, payload)
        if flags & frames.PRIORITIZED:
            if len(payload) < _PRIORITY_BYTES:
                raise ConnectionFault(frames.FRAME_SIZE_ERROR)
            if _depends(payload) == stream_id:
                # No fault of the stream alone: its block would go unread, and all tables be wrong after it.
                raise ConnectionFault(frames.PROTOCOL_ERROR)
            payload = payload[_PRIORITY_BYTES:]
        self._begun(stream_id, self._blocks.begin(stream_id, flags, payload))

    def _continuation(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._begun(stream_id, self._blocks.go_on(flags, payload))

    def _begun(self, stream_id: int, complete: tuple[list[Field], bool] | None) -> None:
        if complete is not None:
            fields, end = complete
            self._streams.headers(stream_id, fields, end=end, welcome=not self._closed)

    def _rst_stream(self, _: int, stream_id: int, __: bytes) -> None:
        if not self._vigil.bears_reset():
            raise ConnectionFault(frames.ENHANCE_YOUR_CALM)
        self._streams.find(stream_id)
        self._drop(stream_id)

    # What frames say about the connection.

    def _settings(self, flags: int, _: int, payload: bytes) -> None:
        if flags & frames.ACK:
            if payload:
                raise ConnectionFault(frames.FRAME_SIZE_ERROR)
            self._vigil.greeted = True
            return
        self._chatter()
        said = frames.read_settings(payload)
        self._frame_out = min(said.get(frames.MAX_FRAME, self._frame_out), MAX_FRAME_OUT)
        self.write(frames.frame(frames.SETTINGS, frames.ACK, 0))
        if frames.INITIAL_WINDOW in said:
            self._streams.widen(said[frames.INITIAL_WINDOW])

    def _ping(self, flags: int, _: int, payload: bytes) -> None:
        if not flags & frames.ACK:
            self._chatter()
            self.write(frames.frame(frames.PING, frames.ACK, 0, payload))
        elif payload == LAST_PING:
            self._close()

    def _window_update(self, _: int, stream_id: int, payload: bytes) -> None:
        more = int.from_bytes(payload, "big") & frames.STREAM_BITS
        if not more:
            raise (StreamFault if stream_id else ConnectionFault)(frames.PROTOCOL_ERROR)
        if stream_id:
            if exchange := self._streams.find(stream_id):
                exchange.widen(more)
            return
        self.window += more
        if self.window > frames.MAX_WINDOW:
            raise ConnectionFault(frames.FLOW_CONTROL_ERROR)
        self._pump()

    def _priority(self, _: int, stream_id: int, payload: bytes) -> None:
        self._chatter()
        if _depends(payload) == stream_id:
            raise StreamFault(frames.PROTOCOL_ERROR)

    def _push_promise(self, _: int, __: int, ___: bytes) -> None:
        raise ConnectionFault(frames.PROTOCOL_ERROR)

    def _goaway(self, _: int, __: int, ___: bytes) -> None:
        """The peer opens no more; its RPCs end as they would."""

    def _unknown(self, _: int, __: int, ___: bytes) -> None:
        self._chatter()

    def _chatter(self) -> None:
        if not self._vigil.bears():
            raise ConnectionFault(frames.ENHANCE_YOUR_CALM)

    # What RPCs do.

    def write(self, data: bytes) -> None:
        """Hand frames to the socket, together with what else is written in this turn of the loop: a call costs 6 µs."""
        if not self._out:
            asyncio.get_running_loop().call_soon(self._flush)
        self._out.append(data)
        self._unflushed += len(data)
        if self._unflushed >= JOINED:
            self._flush()

    def _flush(self) -> None:
        out, self._out, self._unflushed = self._out, [], 0
        if out and self._transport is not None and not self._gone:
            self._transport.write(out[0] if len(out) == 1 else b"".join(out))

    def sent(self, size: int) -> None:
        """So many bytes of messages are on their way."""
        self.window -= size
        self._vigil.sent()

    def room(self) -> int:
        """Return how many bytes of a message may go now."""
        return min(self.window, self._frame_out) if self._writable else 0

    def reset(self, stream_id: int, code: int) -> None:
        """End an RPC without a status."""
        self.write(frames.number(frames.RST_STREAM, stream_id, code))
        self._drop(stream_id)

    def ended(self, stream_id: int) -> None:
        """An RPC has had its last word."""
        self._streams.remove(stream_id)
        self._leave_when_done()

    def _drop(self, stream_id: int) -> None:
        if self._streams.drop(stream_id):
            self._leave_when_done()

    def _pump(self) -> None:
        """Let those go on who wait, each as far as it can; whoever then still waits stands at the end."""
        for exchange in list(self.blocked):
            if self.room() <= 0:
                return
            self.blocked.pop(exchange, None)
            exchange.pump()

    # How it ends.

    def tick(self) -> None:
        """See to it that the peer lives, and does not stay for ever."""
        match self._vigil.tick(idle=not self._streams):
            case Due.PING:
                self.write(PING)
            case Due.GO:
                self.leave()
            case Due.DROP:
                self.abort()
            case Due.NOTHING:
                pass

    def leave(self) -> None:
        """Ask the peer to go when its RPCs are over. What it has begun before it hears that is served."""
        if self._preface_left:
            self._hang_up()
            return
        if self._closed:
            # What was said last stands: a later GOAWAY may not let in more.
            return
        self._vigil.going()
        self.write(frames.goaway(frames.STREAM_BITS, frames.NO_ERROR) + frames.frame(frames.PING, 0, 0, LAST_PING))

    def stop(self, trailers: bytes) -> None:
        """End all RPCs with this status, and hang up when it was sent."""
        self._streams.stop(trailers)
        self._hang_up()

    def abort(self) -> None:
        """Hang up at once."""
        self._gone = True
        if self._transport is not None:
            self._transport.abort()

    def _close(self) -> None:
        """Take no more RPCs: the peer knows, and begins no other."""
        if self._closed:
            return
        self._closed = True
        self.write(frames.goaway(self._streams.last, frames.NO_ERROR))
        self._leave_when_done()

    def _fail(self, code: int) -> None:
        self.write(frames.goaway(self._streams.last, code))
        self._hang_up()

    def _leave_when_done(self) -> None:
        if self._closed and not self._streams:
            self._hang_up()

    def _hang_up(self) -> None:
        self._flush()
        self._gone = True
        self._streams.close()
        if self._transport is not None:
            self._transport.close()

    _KINDS: ClassVar[dict[int, Callable[[Connection, int, int, bytes], None]]] = {
        frames.HEADERS: _headers,
        frames.PRIORITY: _priority,
        frames.RST_STREAM: _rst_stream,
        frames.SETTINGS: _settings,
        frames.PUSH_PROMISE: _push_promise,
        frames.PING: _ping,
        frames.GOAWAY: _goaway,
        frames.WINDOW_UPDATE: _window_update,
        frames.CONTINUATION: _continuation,
    }


def _depends(priority: bytes) -> int:
    """Return the stream that another one is said to depend on."""
    return int.from_bytes(priority[:4], "big") & frames.STREAM_BITS
