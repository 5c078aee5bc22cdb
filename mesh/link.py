"""Links: one long stream between two processes that carries everything they have to say to each other.

A stream message costs 12 µs of CPU at its two ends when it carries one frame, and 0.3 µs a frame when it carries 50
(frames of 300 bytes, wakings included). So whoever writes joins all that is waiting. That works on bytes alone:
messages of a link have nothing but repeated fields at their top level, and protobuf joins what is concatenated.
There is no timer: the first payload starts a write, and what comes while it is on its way forms the next one.
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from mesh import errors
from mesh.clock import Clock
from mesh.errors import MeshError, Reason
from mesh.stream import StreamClosed

MAX_BATCH_BYTES: Final = 256 * 1024
"""Bytes of one write, well below what a receiver takes; a payload that is larger than this travels alone."""

MAX_PAYLOAD_BYTES: Final = 1024 * 1024
"""What `mesh.server` takes as one message by default: a larger one would end the link for everybody on it."""

MAX_WAITING_BYTES: Final = 16 * 1024 * 1024
"""Bytes that may wait for a slow peer; then sends are refused."""

OVERHEAD_BYTES: Final = 64
"""What a waiting payload costs beside its bytes, so that very small ones are bounded too."""

BACKOFF_S: Final = (0.05, 5.0)
"""First and largest pause between attempts to connect, with full jitter."""

STABLE_S: Final = 10.0
"""A link that lived this long was a good one: the next pause is the first again."""

HELLO: Final = b""
"""The first message of each end: no payload, but it tells the other end that the link was let in."""

Receive = Callable[[bytes], None]
"""Takes a batch: joined payloads. It must not wait. What it raises is reported to the loop, and the link goes on: one
batch that nobody understands must not silence all that come after it."""

Write = Callable[[bytes], Awaitable[None]]


class Link(Protocol):
    """One end of a link."""

    def send(self, payload: bytes) -> None:
        """Queue an encoded message for the other end; never waits. Order is kept while the link lives.

        Raises UNAVAILABLE (SERVICE_UNAVAILABLE) when the link is down, RESOURCE_EXHAUSTED (OVERLOADED) when too much
        waits, and INVALID_ARGUMENT above MAX_PAYLOAD_BYTES. What was queued when a link breaks may be lost.
        """


Accept = Callable[[Link], Receive]
"""Takes a new link and returns what takes its batches."""


class Outbound:
    """The queue of one end: bounded, written by a task that exists only while there is something to write."""

    def __init__(self, write: Write, *, max_waiting: int = MAX_WAITING_BYTES) -> None:
        self._write = write
        self._max_waiting = max_waiting
        self._waiting: list[bytes] = []
        self._bytes = 0
        self._task: asyncio.Task[None] | None = None
        self._broken = False

    def send(self, payload: bytes) -> None:
        """See Link."""
        size = self._bytes + len(payload) + OVERHEAD_BYTES
        if size > self._max_waiting or self._broken or len(payload) > MAX_PAYLOAD_BYTES:
            raise self._refusal(payload)
        self._waiting.append(payload)
        self._bytes = size
        self._start()

    async def drain(self) -> None:
        """Return when all that waits was handed to the stream, or the link is broken."""
        while self._task is not None:
            await asyncio.wait({self._task})

    def close(self) -> None:
        """Drop what waits and refuse what comes."""
        self._broken = True
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()

    def _start(self) -> None:
        """See to it that what waits is written."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def _refusal(self, payload: bytes) -> MeshError:
        if self._broken:
            return down()
        if len(payload) > MAX_PAYLOAD_BYTES:
            return errors.invalid(errors.Reason.INVALID_REQUEST, "larger than a link takes")
        return errors.exhausted(errors.Reason.OVERLOADED, "too much waits on this link", retry_after=0.5)

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._write(self._take())
        except Exception:  # noqa: BLE001 - whatever broke the stream, the reading side sees it and says so
            self._broken = True
        finally:
            self._task = None

    def _take(self) -> bytes:
        """Join what waits, up to the size of a batch."""
        if self._bytes <= MAX_BATCH_BYTES:
            batch, self._waiting, self._bytes = b"".join(self._waiting), [], 0
            return batch
        size, count = len(self._waiting[0]), 1
        for payload in self._waiting[1:]:
            if size + len(payload) > MAX_BATCH_BYTES:
                break
            size += len(payload)
            count += 1
        batch = b"".join(self._waiting[:count])
        del self._waiting[:count]
        self._bytes -= size + count * OVERHEAD_BYTES
        return batch


class Local(Outbound):
    """One end of a link inside one process: the other end takes each batch in the next turn of the loop."""

    def __init__(self, receive: Receive) -> None:
        super().__init__(_nowhere)
        self._receive = receive
        self._called = False

    def _start(self) -> None:
        if not self._called:
            self._called = True
            asyncio.get_running_loop().call_soon(self._hand)

    def _hand(self) -> None:
        self._called = False
        if self._waiting:
            _pass(self._take(), self._receive)
        if self._waiting:
            self._start()


def local_link(accept: Accept, receive: Receive) -> Local:
    """A link inside one process: the socket is skipped, the contract is not.

    `accept` takes the other end and returns what takes its batches. Both ends receive in a later turn of the loop,
    joined as on a socket.
    """
    return Local(accept(Local(receive)))


async def _nowhere(_: bytes) -> None:
    """Write nothing: a local end has no stream."""


class Wire(Protocol):
    """The raw stream below a link: messages as bytes. Both methods raise StreamClosed or MeshError when it is over."""

    async def read_bytes(self) -> bytes | None:
        """The next message; None at the end."""

    async def write_bytes(self, message: bytes) -> None:
        """Write one message."""


async def serve(wire: Wire, accept: Accept) -> None:
    """The accepting end: call `accept` with this end of the link, then pass it each batch until the peer is gone."""
    outbound = Outbound(wire.write_bytes)
    await wire.write_bytes(HELLO)
    receive = accept(outbound)
    try:
        while (batch := await wire.read_bytes()) is not None:
            if batch:
                _pass(batch, receive)
    finally:
        outbound.close()


class Dialled:
    """The connecting end: connects again with full jitter when the link breaks.

    `dial` opens a stream (`Channels.dial`), or raises MeshError. `on_up` is called each time the link is there, and
    `on_down` when it broke: what had no answer then is unknown.
    """

    def __init__(
        self,
        dial: Callable[[], Awaitable[Wire]],
        receive: Receive,
        on_up: Callable[[], None],
        on_down: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._dial = dial
        self._receive = receive
        self._on_up = on_up
        self._on_down = on_down
        self._clock = clock
        self._outbound: Outbound | None = None

    @property
    def up(self) -> bool:
        """Whether the other end has let this link in, and it has not broken since."""
        return self._outbound is not None

    def send(self, payload: bytes) -> None:
        """See Link."""
        if self._outbound is None:
            raise down()
        self._outbound.send(payload)

    async def drain(self) -> None:
        """Return when all that waits was handed to the stream, or the link is broken."""
        if self._outbound is not None:
            await self._outbound.drain()

    async def run(self) -> None:
        """Keep the link up, for ever."""
        first, largest = BACKOFF_S
        pause = first
        while True:
            started = self._clock.monotonic()
            with contextlib.suppress(MeshError, StreamClosed):
                await self._serve(await self._dial())
            if self._clock.monotonic() - started >= STABLE_S:
                pause = first
            await self._clock.sleep(random.uniform(0, pause))  # noqa: S311 - jitter, not a secret
            pause = min(pause * 2, largest)

    async def _serve(self, wire: Wire) -> None:
        try:
            await serve(wire, self._opened)
        finally:
            if self._outbound is not None:
                self._outbound = None
                self._on_down()

    def _opened(self, link: Link) -> Receive:
        if isinstance(link, Outbound):
            self._outbound = link
            self._on_up()
        return self._receive


def down() -> MeshError:
    """The error of a link that is not there."""
    return errors.unavailable(Reason.SERVICE_UNAVAILABLE, "the link to this node is down", retry_after=0.2)


def _pass(batch: bytes, receive: Receive) -> None:
    try:
        receive(batch)
    except Exception as error:  # noqa: BLE001 - a batch that breaks its reader must not end the link
        context = {"message": "a batch of a link was dropped: its reader failed", "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)
