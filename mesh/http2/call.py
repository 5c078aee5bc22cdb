"""One RPC from the side that asks: an exchange that ends with the status that the server says."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mesh.errors import Code
from mesh.http2 import asking, frames
from mesh.http2.asking import Failed
from mesh.http2.exchange import Exchange
from mesh.http2.frames import PROTOCOL_ERROR, StreamFault
from mesh.http2.incoming import Closed
from mesh.http2.messages import TooLarge, Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable

    from mesh.http2.carrier import Carrier
    from mesh.http2.headers import Field, Request


class Call(Exchange):
    """One RPC. `read` returns None after OK, and raises Failed for any other status, when all messages were read.

    What is sent after the end raises Closed; whoever reads is told why.
    """

    __slots__ = ("_alarm", "_answered", "_hear")

    def __init__(self, carrier: Carrier, stream_id: int, request: Request, window: int) -> None:
        super().__init__(carrier, stream_id, request, window)
        self._begun = True
        self._answered = False
        self._hear: Callable[[bytes], None] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        if request.timeout is not None:
            self._alarm = asyncio.get_running_loop().call_later(request.timeout, self._late)

    async def each(self, take: Callable[[bytes], None]) -> None:
        """Call `take` with each message as it arrives, until the RPC ends. Raises Failed, and what `take` raises."""
        while self._messages:
            take(self._messages.pop(0))
        self._messages = None
        self._credit()
        self._hear = take
        try:
            await self.read()
        finally:
            self._hear = None

    async def drained(self) -> None:
        """Wait until what was sent has been handed on. Raises Closed."""
        await super().drained()
        if self._ended:
            raise Closed

    def done(self) -> None:
        """Say that nothing more will be sent, after what still waits."""
        if self._trailers is None:
            self._trailers = b""
            if self._waiting is None:
                self._end()

    def cancel(self) -> None:
        """End the RPC without caring for its answer."""
        self._messages = None
        self._abandon(Failed(Code.CANCELLED, "cancelled here"))

    # What the connection says.

    def answered(self, fields: list[Field], *, end: bool) -> None:
        """Take the block that begins the answer, or the one that ends it."""
        if end:
            self._conclude(asking.outcome(fields))
        elif self._answered:
            raise StreamFault(PROTOCOL_ERROR)
        elif not dict(fields).get(b":status", b"").startswith(b"1"):
            self._answered = True
            if refusal := asking.refusal(fields):
                self._abandon(refusal)

    def fail(self, failure: Failed | None) -> None:
        """The RPC is over, with OK when there is no failure: whoever waits goes on."""
        if self._ended:
            return
        self._ended = True
        self._fault = self._fault or failure
        self._waiting, self._trailers = None, b""
        if self._alarm is not None:
            self._alarm.cancel()
        self._wake()
        self._wake_writer()

    def end(self) -> None:
        """The server ended the stream without saying how."""
        self._abandon(Failed(Code.INTERNAL, "the server ended the stream without a status"))

    def close(self) -> None:
        """The connection is lost."""
        self.fail(Failed(Code.UNAVAILABLE, "the connection is lost"))

    def _conclude(self, failure: Failed | None) -> None:
        """Take the status. A server that ends first resets the stream itself, as all of gRPC do."""
        if failure is None and self._assembler is not None:
            failure = Failed(Code.INTERNAL, "the last message is not whole")
        self.fail(failure)
        self._carrier.ended(self.id)

    def _abandon(self, failure: Failed | None) -> None:
        if not self._ended:
            self.fail(failure)
            self._carrier.reset(self.id, frames.CANCEL)

    def _late(self) -> None:
        self._abandon(Failed(Code.DEADLINE_EXCEEDED, "the time for the call is over"))

    def _take(self, payload: bytes) -> None:
        super()._take(payload)
        if self._fault is not None:
            self._fault = _told(self._fault)
            self._abandon(None)

    def _queue(self, message: bytes) -> None:
        if type(message) is not bytes:
            # It came compressed: this end has not offered to take that.
            self._fault = Unreadable()
            return
        if self._hear is None:
            super()._queue(message)
            return
        try:
            self._hear(message)
        except Exception as fault:  # noqa: BLE001  whoever waits in `each` is told
            self._fault = fault

    def _end(self) -> None:
        """Say that nothing more comes."""
        self._carrier.write(frames.frame(frames.DATA, frames.END_STREAM, self.id))


def _told(fault: Exception) -> Exception:
    """Return what is told of a message that could not be taken."""
    match fault:
        case TooLarge():
            return Failed(Code.RESOURCE_EXHAUSTED, "a message is larger than this end takes")
        case Unreadable():
            return Failed(Code.INTERNAL, "a message is compressed in a way that this end does not know")
        case _:
            return fault
