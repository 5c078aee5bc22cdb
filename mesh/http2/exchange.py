"""One RPC on a connection: messages in, messages out, and the status that ends it."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from mesh.http2 import frames, headers
from mesh.http2.frames import FLOW_CONTROL_ERROR, PROTOCOL_ERROR, STREAM_CLOSED, StreamFault
from mesh.http2.messages import PREFIX, Assembler, TooLarge, inflated

if TYPE_CHECKING:
    from mesh.http2.connection import Connection
    from mesh.http2.headers import Request

STREAM_WINDOW: Final = 256 * 1024
"""Bytes that a peer may send before somebody reads: what a link between services writes at most."""

LINGER_S: Final = 30.0
"""How long a peer that does not read may take to fetch the rest of an RPC that is over."""

_WHOLE: Final = struct.Struct("!HBBBIBI")
"""The head of a DATA frame together with that of the message in it."""


Divert = Callable[[bytes], bool]


class Closed(Exception):  # noqa: N818  an end, not a fault
    """The RPC is over for the peer: nothing that is written arrives any more."""


class Exchange:
    """One RPC. One task may read, and one may write at a time.

    What has been read is credited to the peer when nothing waits here, so a handler that does not read holds its own
    peer up, with at most STREAM_WINDOW and one message in memory, and no other stream.
    """

    __slots__ = (
        "_assembler", "_begun", "_bytes_in", "_connection", "_divert", "_ended", "_fault", "_messages", "_reader", "_taken",
        "_trailers", "_waiting", "_window", "_writer", "id", "over", "request", "task",
    )  # fmt: skip

    def __init__(self, connection: Connection, stream_id: int, request: Request, window: int) -> None:
        self.id = stream_id
        self.request = request
        self.task: asyncio.Task[None] | None = None
        self.over = False
        """Whether nothing more can be sent."""
        self._connection = connection
        self._messages: list[bytes] | None = None
        self._assembler: Assembler | None = None
        self._reader: asyncio.Future[None] | None = None
        self._divert: Divert | None = None
        self._fault: Exception | None = None
        self._ended = self._begun = False
        self._taken = self._bytes_in = 0
        self._window = window
        self._waiting: bytearray | None = None
        self._writer: asyncio.Future[None] | None = None
        self._trailers: bytes | None = None

    @property
    def host(self) -> str:
        """The address of the other end of the connection, `unix` for a socket of this machine."""
        return self._connection.host

    # What comes in.

    async def read(self) -> bytes | None:
        """Return the next message, None when the peer sends no more. Raises TooLarge and Unreadable."""
        while not self._messages:
            if self._fault is not None:
                raise self._fault
            if self.over:
                raise Closed
            if self._ended:
                return None
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        message = self._messages.pop(0)
        if not self._messages:
            self._messages = None
            self._credit()
        return message

    def divert(self, take: Divert) -> None:
        """Have `take` called with each message that comes while `read` waits; one that it returns true for is done.

        Waking a task costs more than most messages. What `take` raises, `read` raises.
        """
        self._divert = take

    def received(self, payload: bytes, size: int, *, end: bool) -> None:
        """Take the payload of a DATA frame that took `size` bytes of the window. Raises StreamFault."""
        if self._ended:
            raise StreamFault(STREAM_CLOSED)
        self._taken += size
        if self._taken > STREAM_WINDOW:
            raise StreamFault(FLOW_CONTROL_ERROR)
        self._bytes_in += len(payload)
        if payload and self._fault is None:
            self._take(payload)
        if self._messages is None:
            self._credit()
        if end:
            self.end()

    def end(self) -> None:
        """The peer sends no more. Raises StreamFault when it has sent another length than it said."""
        if self._ended:
            raise StreamFault(STREAM_CLOSED)
        if self.request.length not in (None, self._bytes_in):
            raise StreamFault(PROTOCOL_ERROR)
        self._ended = True
        self._wake()

    def _take(self, payload: bytes) -> None:
        try:
            if self._assembler is None and payload[0] == 0 and int.from_bytes(payload[1:5], "big") == len(payload) - 5:
                # One frame, one message: nearly always.
                if len(payload) - PREFIX.size > self._connection.max_message:
                    raise TooLarge
                self._queue(payload[5:])
            else:
                self._assemble(payload)
        except Exception as fault:  # noqa: BLE001  whoever reads is told
            self._fault = fault
            self._assembler = None
            self._wake()

    def _assemble(self, payload: bytes) -> None:
        limit = self._connection.max_message
        assembler = self._assembler = self._assembler or Assembler()
        for flag, message in assembler.take(payload, limit):
            self._queue(inflated(message, self.request.encoding, limit) if flag else message)
        if assembler.empty:
            self._assembler = None

    def _queue(self, message: bytes) -> None:
        if self._messages is None:
            reader = self._reader
            if self._divert is not None and reader is not None and not reader.done() and self._divert(message):
                return
            self._messages = [message]
            self._wake()
        else:
            self._messages.append(message)

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _credit(self) -> None:
        """Let the peer send as much again, when that is worth a frame."""
        if self._taken >= STREAM_WINDOW // 2 and not self._ended:
            self._connection.write(frames.number(frames.WINDOW_UPDATE, self.id, self._taken))
            self._taken = 0

    # What goes out.

    def send(self, message: bytes) -> bool:
        """Send a message; return whether all of it was handed on. Else `drained` waits for that. Raises Closed."""
        if self.over or self._trailers is not None:
            raise Closed
        if not self._begun:
            self._begin()
        connection, size = self._connection, len(message)
        length = size + PREFIX.size
        if self._waiting is None and length <= self._window and length <= connection.room():
            self._window -= length
            connection.sent(length)
            head = _WHOLE.pack(length >> 8, length & 255, frames.DATA, 0, self.id, 0, size)
            connection.write(head + message)
            return True
        self._waiting = self._waiting or bytearray()
        self._waiting += PREFIX.pack(0, size) + message
        self.pump()
        return self._waiting is None

    async def drained(self) -> None:
        """Wait until what was sent has been handed on. Raises Closed."""
        while self._waiting is not None:
            self._writer = asyncio.get_running_loop().create_future()
            try:
                await self._writer
            finally:
                self._writer = None
        if self.over and self._trailers is None:
            raise Closed

    def finish(self, trailers: bytes) -> None:
        """End the RPC with this block, after what still waits."""
        if self.over or self._trailers is not None:
            return
        self._trailers = trailers
        if self._waiting is None:
            self._end()
        else:
            asyncio.get_running_loop().call_later(LINGER_S, self._give_up)

    def widen(self, increment: int) -> None:
        """The peer takes more, or less, after a change of its settings. Raises StreamFault."""
        self._window += increment
        if self._window > frames.MAX_WINDOW:
            raise StreamFault(FLOW_CONTROL_ERROR)
        if increment > 0:
            self.pump()

    def pump(self) -> None:
        """Write as much of what waits as the windows let through."""
        connection = self._connection
        while (waiting := self._waiting) is not None:
            size = min(len(waiting), self._window, connection.room())
            if size <= 0:
                if self._window > 0:
                    connection.blocked[self] = None
                return
            self._window -= size
            connection.sent(size)
            connection.write(frames.frame(frames.DATA, 0, self.id, bytes(waiting[:size])))
            del waiting[:size]
            if not waiting:
                self._handed_on()

    def refuse(self, block: bytes) -> None:
        """End what is no call of gRPC with these headers alone."""
        self._answer(block)

    def stop(self, trailers: bytes) -> None:
        """End the RPC with this status, and interrupt its handler."""
        self.finish(trailers)
        if self.task is not None:
            self.task.cancel()

    def cancel(self) -> None:
        """The handler was interrupted: unless that was its end, the peer hears no more than that."""
        if not self.over and self._trailers is None:
            self._connection.reset(self.id, frames.CANCEL)

    def close(self) -> None:
        """The peer has reset the stream, or the connection is lost: free whoever reads and writes."""
        self.over, self._waiting, self._trailers = True, None, None
        self._messages = None
        self._wake_writer()
        if self.task is not None:
            self.task.cancel()

    def _begin(self) -> None:
        self._begun = True
        self._connection.write(frames.frame(frames.HEADERS, frames.END_HEADERS, self.id, headers.BEGIN))

    def _handed_on(self) -> None:
        self._waiting = None
        self._wake_writer()
        if self._trailers is not None:
            self._end()

    def _wake_writer(self) -> None:
        if self._writer is not None and not self._writer.done():
            self._writer.set_result(None)

    def _end(self) -> None:
        """Write the trailers."""
        self._answer((b"" if self._begun else headers.BEGIN) + (self._trailers or b""))

    def _answer(self, block: bytes) -> None:
        """Write the last block; whoever has not said all is told that nobody listens any more."""
        self.over = True
        flags = frames.END_HEADERS | frames.END_STREAM
        self._connection.write(frames.frame(frames.HEADERS, flags, self.id, block))
        if not self._ended:
            self._connection.write(frames.number(frames.RST_STREAM, self.id, frames.NO_ERROR))
        self._connection.ended(self.id)

    def _give_up(self) -> None:
        if not self.over:
            self._connection.reset(self.id, frames.CANCEL)
