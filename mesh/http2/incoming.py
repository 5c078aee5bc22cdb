"""What the peer says in one RPC: bytes put together to messages, read by one task, and no more than it is allowed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from mesh.http2 import frames, headers
from mesh.http2.frames import FLOW_CONTROL_ERROR, PROTOCOL_ERROR, STREAM_CLOSED, StreamFault
from mesh.http2.messages import PREFIX, Assembler, Packed, Truncated, inflated

if TYPE_CHECKING:
    from mesh.http2.carrier import Carrier
    from mesh.http2.headers import Field, Request

STREAM_WINDOW: Final = 256 * 1024
"""Bytes that a peer may send before somebody reads: what a link between services writes at most."""

Divert = Callable[[bytes], bool]


class Closed(Exception):  # noqa: N818  an end, not a fault
    """The RPC is over for the peer: nothing that is written arrives any more."""


class Incoming:
    """The messages of one RPC. One task may read.

    What has been read is credited to the peer when nothing waits here, so a handler that does not read holds its own
    peer up, with at most STREAM_WINDOW and one message in memory, and no other stream.
    """

    __slots__ = (
        "_assembler", "_bytes_in", "_carrier", "_divert", "_ended", "_fault", "_messages", "_reader", "_taken",
        "id", "over", "request",
    )  # fmt: skip

    def __init__(self, carrier: Carrier, stream_id: int, request: Request) -> None:
        self.id = stream_id
        self.request = request
        self.over = False
        """Whether nothing more can be sent."""
        self._carrier = carrier
        self._messages: list[bytes] | None = None
        self._assembler: Assembler | None = None
        self._reader: asyncio.Future[None] | None = None
        self._divert: Divert | None = None
        self._fault: Exception | None = None
        self._ended = False
        self._taken = self._bytes_in = 0

    async def read(self) -> bytes | None:
        """Return the next message, None when the peer sends no more. Raises TooLarge, Unreadable and Truncated."""
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
        return message if type(message) is bytes else self._unpacked(message)

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
        if self._assembler is not None and self._fault is None:
            self._fault = Truncated()
        self._wake()

    def trailers(self, fields: list[Field], *, end: bool) -> None:
        """Take what may end the request in place of a message. Raises StreamFault."""
        if self._ended:
            raise StreamFault(STREAM_CLOSED)
        headers.check_trailers(fields)
        if not end:
            raise StreamFault(PROTOCOL_ERROR)
        self.end()

    def _unpacked(self, message: bytes) -> bytes:
        return inflated(message, self.request.encoding, self._carrier.max_message)

    def _take(self, payload: bytes) -> None:
        size = len(payload) - PREFIX.size
        try:
            if (
                self._assembler is None
                and payload[0] == 0
                and int.from_bytes(payload[1:5], "big") == size <= self._carrier.max_message
            ):
                # One frame, one message: nearly always.
                self._queue(payload[5:])
            else:
                self._assemble(payload)
        except Exception as fault:  # noqa: BLE001  whoever reads is told
            self._fault = fault
            self._assembler = None
            self._wake()

    def _assemble(self, payload: bytes) -> None:
        limit = self._carrier.max_message
        assembler = self._assembler = self._assembler or Assembler()
        for flag, message in assembler.take(payload, limit):
            self._queue(Packed(message) if flag else message)
        if assembler.empty:
            self._assembler = None

    def _queue(self, message: bytes) -> None:
        if self._messages is None:
            reader = self._reader
            if (
                self._divert is not None
                and reader is not None
                and not reader.done()
                and type(message) is bytes
                and self._divert(message)
            ):
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
            self._carrier.write(frames.number(frames.WINDOW_UPDATE, self.id, self._taken))
            self._taken = 0
