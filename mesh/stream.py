"""One RPC as its handler sees it: typed messages in and out, and how it ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from google.protobuf.message import DecodeError, Message

from mesh import errors, status
from mesh.errors import Code, Reason
from mesh.http2 import headers
from mesh.http2.exchange import Exchange
from mesh.http2.incoming import Closed
from mesh.http2.messages import TooLarge, Truncated, Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable

    from mesh.errors import MeshError
    from mesh.http2.headers import Metadata

M = TypeVar("M", bound=Message)

_OK = headers.trailers(Code.OK, "", None)


StreamClosed = Closed
"""The peer is gone: nothing that is written arrives any more."""


class Stream:
    """The two directions of one RPC. One task may read and one may write at a time.

    A handler whose peer is gone is cancelled, wherever it waits; other tasks get StreamClosed. That bytes were written
    says nothing about delivery: bound your own queue, and let the peer acknowledge.
    """

    __slots__ = ("_exchange", "_first_message_seconds", "_trailers", "deadline")

    def __init__(self, exchange: Exchange, *, first_message_seconds: float | None = None) -> None:
        self._exchange = exchange
        self._first_message_seconds = first_message_seconds
        self._trailers = _OK
        self.deadline: float | None = None
        """Seconds on the event loop's clock by which the RPC must end, None without one."""

    @property
    def host(self) -> str:
        """The address of the other end of the connection, `unix` for a socket of this machine."""
        return self._exchange.host

    @property
    def metadata(self) -> Metadata:
        """What the client sent before its first message."""
        return self._exchange.request.metadata

    def headers(self, key: str) -> list[str]:
        """Return every text value of this metadata key, in the order in which they came."""
        return [v for k, v in self.metadata if k == key and isinstance(v, str)]

    def forget_metadata(self) -> None:
        """Keep what the client sent no longer: an idle stream is mostly that."""
        self._exchange.request = self._exchange.request._replace(metadata=())

    @property
    def timeout(self) -> float | None:
        """How many seconds the client waits from its first word on, None without a limit."""
        return self._exchange.request.timeout

    async def read_bytes(self) -> bytes | None:
        """Return the next message, None when the peer sends no more.

        Raises DEADLINE_EXCEEDED when the first message is late, RESOURCE_EXHAUSTED for one that is too large,
        UNIMPLEMENTED for one that cannot be read, INVALID_ARGUMENT for one that is cut off, StreamClosed when the
        RPC is over.
        """
        limit, self._first_message_seconds = self._first_message_seconds, None
        try:
            return await (self._exchange.read() if limit is None else self._read_within(limit))
        except TooLarge:
            raise errors.exhausted(Reason.REQUEST_TOO_LARGE, "the message is larger than the server takes") from None
        except Unreadable:
            message = "the message is compressed in a way that is not known here; use gzip, deflate or none"
            raise errors.unimplemented(Reason.MALFORMED_REQUEST, message) from None
        except Truncated:
            raise errors.invalid(Reason.MALFORMED_REQUEST, "the request ends inside a message") from None

    def divert(self, take: Callable[[bytes], bool]) -> None:
        """Have `take` called with each message that comes while `read_bytes` waits, so that no task need be woken.

        One that it returns true for is done; what it raises, `read_bytes` raises.
        """
        self._exchange.divert(take)

    async def read(self, kind: type[M]) -> M | None:
        """Return the next message parsed, None at the end; raises INVALID_ARGUMENT if it is malformed."""
        data = await self.read_bytes()
        return None if data is None else parse(kind, data)

    def send(self, message: bytes) -> bool:
        """Send one message; return whether it was handed on at once. Else wait for `drained` before the next.

        Raises StreamClosed when the peer is gone.
        """
        return self._exchange.send(message)

    async def drained(self) -> None:
        """Wait until all that was sent was handed on. Raises StreamClosed when the peer is gone."""
        await self._exchange.drained()

    async def write_bytes(self, message: bytes) -> None:
        """Send one message, and wait until it was handed on. Raises StreamClosed when the peer is gone."""
        if not self.send(message):
            await self.drained()

    async def write(self, message: Message) -> None:
        """Send one message. Raises StreamClosed when the peer is gone."""
        await self.write_bytes(message.SerializeToString())

    def fail(self, error: MeshError) -> None:
        """Make this error the RPC's status; it is sent when the handler returns."""
        details = status.encode(error).SerializeToString()
        self._trailers = headers.trailers(error.code, error.message, details)

    def finish(self) -> None:
        """End the RPC with its status."""
        self._exchange.finish(self._trailers)

    async def _read_within(self, seconds: float) -> bytes | None:
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                return await self._exchange.read()
        except TimeoutError:
            if not limit.expired():
                raise
            raise errors.deadline(Reason.DEADLINE_EXCEEDED, "no message came in time") from None


def parse(kind: type[M], data: bytes) -> M:
    """Return the message in these bytes; raises INVALID_ARGUMENT, without the parser's words, if there is none."""
    try:
        return kind.FromString(data)
    except DecodeError:
        message = "the request is not a valid protobuf message of its type"
        raise errors.invalid(Reason.MALFORMED_REQUEST, message) from None
