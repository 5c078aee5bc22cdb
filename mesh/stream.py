"""One RPC as its handler sees it: bytes in, bytes out, and the ways in which a peer can vanish.

What gRPC for Python does when a peer goes, kept here so that no handler needs to know it:

* A killed client can look like a clean half-close: `read_bytes` returns None in both cases.
  Only the application's protocol can tell them apart, so it calls `end_cleanly` when it saw a goodbye.
* A handler blocked in a write gets `ExecuteBatchError`, not a cancellation: here that is `StreamClosed`.
* A handler that returns after such an end leaks 100 to 115 bytes a stream (grpc#43360); one that waits
  for the cancellation that follows, and lets it out, leaks 4. `settle` is that wait.
* The first write carries the headers. If it is given up, gRPC believes that they were not sent, fails to send them
  with the status, and the client waits for ever. So they are sent on their own, before the first message.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

from mesh import errors, status
from mesh.errors import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mesh.errors import MeshError

M = TypeVar("M", bound=Message)
Context = grpc.aio.ServicerContext[bytes, bytes]

# How long after an unexplained end the cancellation may take: it comes with the end of the connection, so at once,
# unless the client half-closed and stayed. Such a client waits this long for its status.
SETTLE_SECONDS: Final = 1.0


class StreamClosed(Exception):  # noqa: N818  an end, not a fault
    """The peer is gone: nothing that is written arrives any more."""


class Stream:
    """The two directions of one RPC. One task may read and one may write at a time.

    `write_bytes` returns when gRPC has taken the message, up to about 4 MB before a client that never reads:
    it says nothing about delivery. Bound your own queue, and let the peer acknowledge.
    """

    __slots__ = ("_begun", "_context", "_first_message_seconds", "_unexplained_end", "deadline")

    def __init__(self, context: Context, *, first_message_seconds: float | None = None) -> None:
        self._context = context
        self._first_message_seconds = first_message_seconds
        self._unexplained_end = False
        self._begun = False
        self.deadline: float | None = None
        """Seconds on the event loop's clock by which the RPC must end, None without one."""

    @property
    def peer(self) -> str:
        """The other end of the connection as gRPC names it: `ipv4:127.0.0.1:5000`."""
        return self._context.peer()

    @property
    def metadata(self) -> Sequence[tuple[str, str | bytes]]:
        """What the client sent before its first message; made each time, so that nothing of it is kept."""
        return tuple(self._context.invocation_metadata() or ())

    def headers(self, key: str) -> list[str]:
        """Return every text value of this metadata key, in the order in which they came."""
        return [v for k, v in self.metadata if k == key and isinstance(v, str)]

    def time_remaining(self) -> float | None:
        """Return the seconds that the client will still wait, None if it set no deadline."""
        # The stubs know no None here; grpcio returns it.
        remaining: float | None = self._context.time_remaining()
        return remaining

    async def read_bytes(self) -> bytes | None:
        """Return the next message, None when the peer sends no more.

        Raises DEADLINE_EXCEEDED when the first message is late, StreamClosed when the RPC is over.
        """
        limit, self._first_message_seconds = self._first_message_seconds, None
        try:
            read: object = await (self._context.read() if limit is None else self._read_within(limit))
        except grpc.aio.BaseError as error:
            self._unexplained_end = True
            raise StreamClosed from error
        message = read if isinstance(read, bytes) else None  # else it is grpc.aio.EOF
        self._unexplained_end = message is None
        return message

    async def read(self, kind: type[M]) -> M | None:
        """Return the next message parsed, None at the end; raises INVALID_ARGUMENT if it is malformed."""
        data = await self.read_bytes()
        return None if data is None else parse(kind, data)

    async def write_bytes(self, message: bytes) -> None:
        """Send one message. Raises StreamClosed when the peer is gone."""
        try:
            if not self._begun:
                await self._begin()
            await self._context.write(message)
        except grpc.aio.BaseError as error:
            self._unexplained_end = True
            raise StreamClosed from error

    async def write(self, message: Message) -> None:
        """Send one message. Raises StreamClosed when the peer is gone."""
        await self.write_bytes(message.SerializeToString())

    def end_cleanly(self) -> None:
        """Say that the end of the peer's messages is meant: the handler may return without waiting."""
        self._first_message_seconds = None
        self._unexplained_end = False

    async def settle(self) -> None:
        """After an end that nobody explained, wait for the cancellation and let it out.

        The server does this after each handler. A peer that only half-closed is answered after SETTLE_SECONDS.
        """
        if self._unexplained_end:
            await asyncio.sleep(SETTLE_SECONDS)

    def fail(self, error: MeshError) -> None:
        """Make this error the RPC's status; it is sent when the handler returns."""
        details = status.encode(error).SerializeToString()
        self._context.set_code(status.GRPC_CODES[error.code])
        self._context.set_details(error.message)
        self._context.set_trailing_metadata(((status.DETAILS_KEY, details),))

    async def _begin(self) -> None:
        """Send the headers; whoever gives up meanwhile still waits for that, since gRPC cannot tell afterwards."""
        self._begun = True
        beginning = asyncio.ensure_future(self._context.send_initial_metadata(()))
        try:
            await asyncio.shield(beginning)
        except asyncio.CancelledError:
            await asyncio.wait((beginning,))
            raise

    async def _read_within(self, seconds: float) -> object:
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                return await self._context.read()
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
