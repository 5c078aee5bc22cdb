"""One subscription to a topic of Pulsar: notices when its reader is dead, makes another, and says what was lost."""

import asyncio
import contextlib
import itertools
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from struct import Struct
from typing import Any, Final, Protocol

import structlog

from mesh.broker import Lost
from mesh.clock import Clock, until
from mesh.errors import MeshError
from mesh.infrastructure.buffer import Buffer
from mesh.infrastructure.pulsar_frames import Message, Unpacker

PROBE_S: Final = 2.0
"""How often a subscription sends itself a probe through its own topic."""

PROVE_S: Final = 0.1
"""The same after a break, until one comes back."""

DEAD_S: Final = 4.0
"""A reader that brought no probe for so long counts as dead."""

OPEN_S: Final = 5.0
"""How long a subscription waits for a broker that is slow or away; then it is open all the same."""

TICK_S: Final = 0.05
"""How often the reader's connection is looked at; the driver takes 0.1 s to make another."""

RETRY_S: Final = 1.0
"""How long after a failure the topic is tried again."""

_PROBE: Final = Struct(">8sQ")


class Reader(Protocol):
    """What the driver has for a topic, from now on."""

    async def read(self) -> bytes:
        """The next frame. Raises MeshError when there will be none."""

    def is_connected(self) -> bool:
        """Whether the driver has a connection for it now; it makes another by itself."""

    def close(self) -> None:
        """Give it up, without waiting."""


class Inlet:
    """What a topic brings from the moment in which `open` returns."""

    def __init__(
        self,
        topic: str,
        connect: Callable[[], Awaitable[Reader]],
        publish: Callable[[Message], Awaitable[None]],
        clock: Clock,
        capacity: int,
        capacity_bytes: int,
    ) -> None:
        self._topic = topic
        self._connect = connect
        self._publish = publish
        self._clock = clock
        self._buffer = Buffer(capacity, capacity_bytes)
        self._capacity_bytes = capacity_bytes
        self._id = secrets.token_bytes(8)
        self._probes = itertools.count()
        self._proof = 0
        """The first probe that shows, when it comes back, that the reader reads; 0 when that is known."""
        self._seen_at = 0.0
        self._probing: asyncio.Task[None] | None = None
        self._is_away = False
        self._is_open = False
        self._reads = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Read from now on; when the broker is away, from when it is back: a reader of hints is not stopped by that."""
        self._task = asyncio.create_task(self._run(), name=f"broker-reader-{self._topic}")
        await until(self._reads, OPEN_S, self._clock)
        self._is_open = True

    def read(self) -> AsyncIterator[bytes | Lost]:
        """What came, for ever."""
        return self._buffer.read()

    async def close(self) -> None:
        """Stop."""
        tasks = [task for task in (self._task, self._probing) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                reader = await self._connect()
            except MeshError as error:
                self._broke(error.message)
                await self._clock.sleep(RETRY_S)
            else:
                await self._use(reader)
                self._broke("the reader is dead")
                if self._is_open:
                    self._buffer.lose()

    async def _use(self, reader: Reader) -> None:
        """Read from it until it is dead."""
        self._doubt()
        reading = asyncio.create_task(self._read(reader), name=f"broker-reading-{self._topic}")
        try:
            await self._watch(reader, reading)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            reader.close()

    async def _watch(self, reader: Reader, reading: asyncio.Task[None]) -> None:
        """Return when the reader has ended, or brings no probe any more."""
        probe_at, was_connected = 0.0, True
        self._seen_at = now = self._clock.monotonic()
        while not reading.done() and now - self._seen_at < DEAD_S:
            if now >= probe_at:
                self._send_probe()
                probe_at = now + (PROVE_S if self._proof else PROBE_S)
            await self._clock.sleep(TICK_S)
            now, is_connected = self._clock.monotonic(), reader.is_connected()
            if is_connected and not was_connected:
                self._doubt()
                probe_at = now
            was_connected = is_connected

    def _doubt(self) -> None:
        """The connection is new. What is published before the broker knows that we read is dropped without a word."""
        self._proof = next(self._probes) + 1

    def _proven(self, number: int) -> None:
        """A probe came back."""
        self._seen_at = self._clock.monotonic()
        if 0 < self._proof <= number:
            self._proof = 0
            self._is_away = False
            self._reads.set()
            if self._is_open:
                self._log().info("broker_reader_back")
                self._buffer.lose()

    def _broke(self, reason: str) -> None:
        """There is no reader. Said once until there is one again."""
        if not self._is_away:
            self._log().warning("broker_reader_away", reason=reason)
        self._is_away = True

    def _send_probe(self) -> None:
        if self._probing is None or self._probing.done():
            self._probing = asyncio.create_task(self._send(), name=f"broker-probe-{self._topic}")

    async def _send(self) -> None:
        with contextlib.suppress(MeshError):
            await self._publish(Message(_PROBE.pack(self._id, next(self._probes)), probe=True))

    async def _read(self, reader: Reader) -> None:
        unpacker = Unpacker(self._capacity_bytes)
        while True:
            try:
                taken = unpacker.take(await reader.read())
            except ValueError:
                self._log().warning("broker_frame_unreadable")
                continue
            if taken.lost:
                self._buffer.lose(taken.lost)
            for message in taken.messages:
                self._take(message)

    def _take(self, message: Message) -> None:
        if not message.probe:
            self._buffer.offer(message.payload)
        elif message.payload.startswith(self._id) and len(message.payload) == _PROBE.size:
            self._proven(_PROBE.unpack(message.payload)[1])

    def _log(self) -> Any:
        return structlog.get_logger().bind(topic=self._topic)
