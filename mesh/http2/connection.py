"""One connection of HTTP/2 (RFC 9113), as far as gRPC needs it, from the side that answers.

Frames are taken apart where they arrive and handed to their RPC; nothing is queued in between.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from mesh.errors import Code
from mesh.http2 import frames, headers, pings
from mesh.http2.blocks import Blocks
from mesh.http2.framed import Framed
from mesh.http2.frames import ConnectionFault, StreamFault
from mesh.http2.incoming import STREAM_WINDOW
from mesh.http2.streams import MAX_HEADER_BYTES, Streams
from mesh.http2.vigil import Due, Vigil

if TYPE_CHECKING:
    from mesh.http2.carrier import Waiting
    from mesh.http2.headers import Field
    from mesh.http2.owner import Owner

CONNECTION_WINDOW: Final = 1024 * 1024
"""Bytes on their way to all RPCs of a connection. What arrives is credited at once: each RPC has a window too."""

MAX_FRAME_OUT: Final = 256 * 1024
"""Larger frames than this would keep other RPCs waiting, whatever the peer takes."""

_STOPPED: Final = headers.trailers(Code.UNAVAILABLE, "the server ends this connection; come again", None)

_NOT_BEGUN: Final = frozenset((frames.REFUSED_STREAM, frames.STREAM_CLOSED))
"""Faults of a peer that is told too late what it may do: they cost little and say nothing against it."""

_TAKES: Final = {
    frames.HEADERS: "_headers",
    frames.PRIORITY: "_priority",
    frames.RST_STREAM: "_rst_stream",
    frames.SETTINGS: "_settings",
    frames.PUSH_PROMISE: "_push_promise",
    frames.PING: "_ping",
    frames.GOAWAY: "_goaway",
    frames.WINDOW_UPDATE: "_window_update",
    frames.CONTINUATION: "_continuation",
}
"""Which method takes which kind of frame, by name: the side that asks has some of its own."""


class Connection(Framed):
    """One peer."""

    __slots__ = (
        "_blocks", "_closed", "_frame_out", "_owner", "_streams", "_uncredited", "_vigil", "_window", "blocked",
    )  # fmt: skip

    def __init__(self, owner: Owner, preface: bytes = frames.PREFACE) -> None:
        super().__init__(preface)
        self.blocked: dict[Waiting, None] = {}
        """RPCs that wait for the window or for the socket, first come first served."""
        self._owner = owner
        self._streams = Streams(self, owner.limits.max_streams, owner.start)
        self._blocks = Blocks()
        self._vigil = Vigil(self._heard, owner.limits.ping_s, owner.limits.answer_s, owner.age())
        self._window = frames.DEFAULT_WINDOW  # what the peer takes for all RPCs
        self._uncredited = 0
        self._frame_out = frames.SMALLEST_MAX_FRAME
        self._closed = False  # to new RPCs

    @property
    def max_message(self) -> int:
        """Bytes of a message that this end takes."""
        return self._owner.limits.max_message

    # What the socket says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet the peer, unless there are too many."""
        super().connection_made(transport)
        if self._owner.entered(self, self._vigil.next):
            self._greet()
        else:
            self.abort()

    def _greet(self) -> None:
        told = {
            frames.MAX_STREAMS: self._owner.limits.max_streams,
            frames.INITIAL_WINDOW: STREAM_WINDOW,
            frames.MAX_HEADER_LIST: MAX_HEADER_BYTES,
        }
        more = CONNECTION_WINDOW - frames.DEFAULT_WINDOW
        self.write(frames.settings(told) + frames.number(frames.WINDOW_UPDATE, 0, more))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  whatever it was
        """Free all handlers."""
        self._gone = True
        self._streams.close()
        self._owner.left(self)

    def resume_writing(self) -> None:
        """Go on."""
        super().resume_writing()
        self._pump()

    def _may_begin(self) -> bool:
        return super()._may_begin() and not self._blocks.stream_id

    def _frame(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        try:
            self._dispatch(kind, flags, stream_id, payload)
        except StreamFault as fault:
            self._broken(stream_id, fault.code)

    def _broken(self, stream_id: int, code: int) -> None:
        """Reset an RPC whose peer broke the protocol: who makes this end do it may not do it more often than itself."""
        if code not in _NOT_BEGUN:
            self._vigil.reset(self._heard)
        self.reset(stream_id, code)

    def _dispatch(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if self._blocks.stream_id and (kind != frames.CONTINUATION or stream_id != self._blocks.stream_id):
            raise ConnectionFault(frames.PROTOCOL_ERROR)
        if kind == frames.DATA:
            self._data(flags, stream_id, payload)
            return
        frames.check(kind, stream_id, len(payload))
        getattr(self, _TAKES.get(kind, "_unknown"))(flags, stream_id, payload)

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
        block = frames.block(flags, stream_id, payload)
        self._begun(stream_id, self._blocks.begin(stream_id, flags, block))

    def _continuation(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._begun(stream_id, self._blocks.go_on(flags, payload))

    def _begun(self, stream_id: int, complete: tuple[list[Field], bool] | None) -> None:
        if complete is not None:
            fields, end = complete
            self._streams.headers(stream_id, fields, end=end, welcome=not self._closed)

    def _rst_stream(self, _: int, stream_id: int, __: bytes) -> None:
        self._vigil.reset(self._heard)
        self._streams.find(stream_id)
        self._drop(stream_id)

    # What frames say about the connection.

    def _settings(self, flags: int, _: int, payload: bytes) -> None:
        if flags & frames.ACK:
            if payload:
                raise ConnectionFault(frames.FRAME_SIZE_ERROR)
            self._vigil.greeted()
            return
        self._chatter()
        said = frames.read_settings(payload)
        self.write(frames.frame(frames.SETTINGS, frames.ACK, 0))
        self._told(said)

    def _told(self, said: dict[int, int]) -> None:
        """Keep to what the peer says in its settings."""
        self._frame_out = min(said.get(frames.MAX_FRAME, self._frame_out), MAX_FRAME_OUT)
        if frames.INITIAL_WINDOW in said:
            self._streams.widen(said[frames.INITIAL_WINDOW])

    def _ping(self, flags: int, _: int, payload: bytes) -> None:
        if not flags & frames.ACK:
            self._chatter()
            self.write(frames.frame(frames.PING, frames.ACK, 0, payload))
        elif payload == pings.LAST:
            self._close()

    def _window_update(self, _: int, stream_id: int, payload: bytes) -> None:
        more = int.from_bytes(payload, "big") & frames.STREAM_BITS
        if not more:
            raise (StreamFault if stream_id else ConnectionFault)(frames.PROTOCOL_ERROR)
        if stream_id:
            if exchange := self._streams.find(stream_id):
                exchange.widen(more)
            return
        self._window += more
        if self._window > frames.MAX_WINDOW:
            raise ConnectionFault(frames.FLOW_CONTROL_ERROR)
        self._pump()

    def _priority(self, _: int, stream_id: int, payload: bytes) -> None:
        self._chatter()
        if frames.depends(payload) == stream_id:
            raise StreamFault(frames.PROTOCOL_ERROR)

    def _push_promise(self, _: int, __: int, ___: bytes) -> None:
        raise ConnectionFault(frames.PROTOCOL_ERROR)

    def _goaway(self, _: int, __: int, ___: bytes) -> None:
        """The peer opens no more; its RPCs end as they would."""

    def _unknown(self, _: int, __: int, ___: bytes) -> None:
        self._chatter()

    def _chatter(self) -> None:
        self._vigil.chatter(self._heard)

    # What RPCs do.

    def sent(self, size: int) -> None:
        """So many bytes of messages are on their way."""
        self._window -= size
        self._vigil.sent()

    def room(self) -> int:
        """Return how many bytes of a message may go now."""
        return min(self._window, self._frame_out) if self._writable else 0

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

    def look(self, now: float) -> float:
        """See to it that the peer lives, and does not stay for ever; return when to look again."""
        due = self._vigil.look(now, self._heard, self._streams)
        if due is not Due.NOTHING:
            self._do(due)
        return self._vigil.next

    def _do(self, due: Due) -> None:
        if due is Due.PING:
            self.write_now(pings.PING)
        elif due is Due.GO:
            self.leave()
        elif due is Due.END:
            self.stop()
        else:
            self.abort()

    def leave(self) -> None:
        """Ask the peer to go when its RPCs are over. What it has begun before it hears that is served."""
        if self._preface_left:
            self._hang_up()
            return
        if self._closed:
            # What was said last stands: a later GOAWAY may not let in more.
            return
        self._vigil.going(asyncio.get_running_loop().time())
        self.write(frames.goaway(frames.STREAM_BITS, frames.NO_ERROR) + pings.LAST_PING)

    def stop(self) -> None:
        """End all RPCs with UNAVAILABLE, and hang up when it was sent."""
        self._streams.stop(_STOPPED)
        self._hang_up()

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
        super()._hang_up()
        self._streams.close()
