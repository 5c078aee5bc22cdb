"""One RPC on a connection: messages in, messages out, and the status that ends it."""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING, Final

from mesh.http2 import frames, headers
from mesh.http2.frames import FLOW_CONTROL_ERROR, StreamFault
from mesh.http2.incoming import Closed, Incoming
from mesh.http2.messages import PREFIX

if TYPE_CHECKING:
    from mesh.http2.carrier import Carrier
    from mesh.http2.headers import Request

LINGER_S: Final = 30.0
"""How long a peer that does not read may take to fetch the rest of an RPC that is over."""

_WHOLE: Final = struct.Struct("!HBBBIBI")
"""The head of a DATA frame together with that of the message in it."""


class Exchange(Incoming):
    """One RPC. One task may read, and one may write at a time."""

    __slots__ = ("_begun", "_linger", "_trailers", "_waiting", "_window", "_writer", "task")

    def __init__(self, carrier: Carrier, stream_id: int, request: Request, window: int) -> None:
        super().__init__(carrier, stream_id, request)
        self.task: asyncio.Task[None] | None = None
        self._begun = False
        self._window = window
        self._waiting: bytearray | None = None
        self._writer: asyncio.Future[None] | None = None
        self._trailers: bytes | None = None
        self._linger: asyncio.TimerHandle | None = None

    @property
    def host(self) -> str:
        """The address of the other end of the connection, `unix` for a socket of this machine."""
        return self._carrier.host

    def send(self, message: bytes) -> bool:
        """Send a message; return whether all of it was handed on. Else `drained` waits for that. Raises Closed."""
        if self.over or self._trailers is not None:
            raise Closed
        if not self._begun:
            self._begin()
        carrier, size = self._carrier, len(message)
        length = size + PREFIX.size
        if self._waiting is None and length <= self._window and length <= carrier.room():
            self._window -= length
            carrier.sent(length)
            head = _WHOLE.pack(length >> 8, length & 255, frames.DATA, 0, self.id, 0, size)
            carrier.write(head + message)
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
            self._linger = asyncio.get_running_loop().call_later(LINGER_S, self._give_up)

    def widen(self, increment: int) -> None:
        """The peer takes more, or less, after a change of its settings. Raises StreamFault."""
        self._window += increment
        if self._window > frames.MAX_WINDOW:
            raise StreamFault(FLOW_CONTROL_ERROR)
        if increment > 0:
            self.pump()

    def pump(self) -> None:
        """Write as much of what waits as the windows let through."""
        carrier = self._carrier
        while (waiting := self._waiting) is not None:
            size = min(len(waiting), self._window, carrier.room())
            if size <= 0:
                if self._window > 0:
                    carrier.blocked[self] = None
                return
            self._window -= size
            carrier.sent(size)
            carrier.write(frames.frame(frames.DATA, 0, self.id, bytes(waiting[:size])))
            del waiting[:size]
            if not waiting:
                self._handed_on()

    def end_with(self, block: bytes) -> None:
        """Write the last block as it is; whoever has not said all is told that nobody listens any more."""
        self.over = True
        self._linger_no_more()
        flags = frames.END_HEADERS | frames.END_STREAM
        self._carrier.write(frames.frame(frames.HEADERS, flags, self.id, block))
        if not self._ended:
            self._carrier.write(frames.number(frames.RST_STREAM, self.id, frames.NO_ERROR))
        self._carrier.ended(self.id)

    def stop(self, trailers: bytes) -> None:
        """End the RPC with this status, and interrupt its handler."""
        self.finish(trailers)
        if self.task is not None:
            self.task.cancel()

    def cancel(self) -> None:
        """The handler was interrupted: unless that was its end, the peer hears no more than that."""
        if not self.over and self._trailers is None:
            self._carrier.reset(self.id, frames.CANCEL)

    def close(self) -> None:
        """The peer has reset the stream, or the connection is lost: free whoever reads and writes."""
        self.over, self._waiting, self._trailers = True, None, None
        self._messages = self._assembler = None
        self._carrier.blocked.pop(self, None)
        self._wake()
        self._wake_writer()
        self._linger_no_more()
        if self.task is not None:
            self.task.cancel()

    def _begin(self) -> None:
        self._begun = True
        self._carrier.write(frames.frame(frames.HEADERS, frames.END_HEADERS, self.id, headers.BEGIN))

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
        self.end_with((b"" if self._begun else headers.BEGIN) + (self._trailers or b""))

    def _linger_no_more(self) -> None:
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None

    def _give_up(self) -> None:
        if not self.over:
            self._carrier.reset(self.id, frames.CANCEL)
