"""The way of messages to one topic of Pulsar: one frame on its way, what comes meanwhile travels in the next."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from mesh import errors
from mesh.clock import Clock
from mesh.errors import MeshError, Reason
from mesh.infrastructure.pulsar_frames import FRAME_BYTES, Message, Packer

RETRY_S: Final = 1.0
"""How long after a failure the topic is tried again."""

MAX_WAITING_BYTES: Final = 64 * 1024 * 1024
"""What waits for all topics of a process together; then the broker counts as away."""

PACED_BYTES: Final = 64 * 1024
"""A frame above this fills the buffer that the broker has for a reader, and is followed by a pause."""

PACE_BYTES_S: Final = 32 * 1024 * 1024
"""How fast such frames follow each other: until the socket of the reader has taken one, the broker drops the next."""

_WEIGHT: Final = 512
"""Bytes that a message costs while it waits, its payload aside."""


class Producer(Protocol):
    """What the driver has for a topic."""

    async def send(self, frame: bytes) -> None:
        """Send, and return when the broker has it. Raises MeshError, at the latest after a few seconds."""

    def close(self) -> None:
        """Give it up, without waiting."""


class Room:
    """The bytes that may wait, shared by all topics."""

    def __init__(self, limit: int = MAX_WAITING_BYTES) -> None:
        self._free = limit

    def take(self, size: int) -> None:
        """Raises UNAVAILABLE when there is not so much left."""
        if size > self._free:
            raise _away("more waits for the broker than may")
        self._free -= size

    def give_back(self, size: int) -> None:
        """What was taken."""
        self._free += size


@dataclass(frozen=True, slots=True)
class _Waiting:
    message: Message
    done: asyncio.Future[None]

    @property
    def size(self) -> int:
        return _size(self.message)


class Outlet:
    """Messages of this process to one topic, in the order in which they were published.

    After a failure everything that waits fails too, and publishing fails at once until the topic was reached again,
    which is tried in the background: no caller waits for a broker that is known to be away.
    """

    def __init__(self, topic: str, connect: Callable[[], Awaitable[Producer]], room: Room, clock: Clock) -> None:
        self._topic = topic
        self._connect = connect
        self._room = room
        self._clock = clock
        self._packer = Packer()
        self._waiting: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        self._is_away = False
        self._untold = False
        """Whether something was sent after which nothing tells a reader that it should be there."""
        self._telling = False
        self._used = clock.monotonic()
        self._task = asyncio.create_task(self._run(), name=f"broker-{topic}")

    async def publish(self, message: Message) -> None:
        """Return when the broker has it. Raises UNAVAILABLE."""
        self._used = self._clock.monotonic()
        if self._is_away:
            raise _away("the broker does not answer")
        self._room.take(_size(message))
        waiting = _Waiting(message, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._wake.set()
        await waiting.done

    @property
    def away(self) -> bool:
        """Whether the topic was not reached when it was tried last."""
        return self._is_away

    def idle_s(self) -> float:
        """Seconds since something was published."""
        return self._clock.monotonic() - self._used

    def tell(self) -> None:
        """Let readers know how far this publisher is, if they could have missed the last of it."""
        self._telling = self._untold
        if self._telling:
            self._wake.set()

    async def close(self) -> None:
        """Give the topic up; what waits fails."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._fail_waiting()

    async def _run(self) -> None:
        while True:
            try:
                await self._send_all(await self._connect())
            except MeshError as error:
                self._broke(error)
            await self._clock.sleep(RETRY_S)

    async def _send_all(self, producer: Producer) -> None:
        """Send what comes, until something fails."""
        try:
            # Whoever reads already learns what was lost while the topic was away.
            await self._send_number(producer)
            self._came_back()
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._waiting:
                    await self._send_some(producer)
                if self._telling:
                    await self._send_number(producer)
        finally:
            producer.close()

    async def _send_some(self, producer: Producer) -> None:
        batch = self._take()
        self._untold = True
        try:
            await self._send(producer, [one.message for one in batch])
        except BaseException:
            self._fail(batch)
            raise
        for one in batch:
            self._room.give_back(one.size)
            if not one.done.done():
                one.done.set_result(None)

    async def _send_number(self, producer: Producer) -> None:
        """An empty frame says how far this publisher is."""
        self._untold = self._telling = False
        await self._send(producer, ())

    async def _send(self, producer: Producer, messages: Iterable[Message]) -> None:
        for frame in self._packer.frames(list(messages)):
            await producer.send(frame)
            if len(frame) > PACED_BYTES:
                await self._clock.sleep(len(frame) / PACE_BYTES_S)

    def _take(self) -> list[_Waiting]:
        """What waits, as far as it fits into one frame; at least one message."""
        batch = [self._waiting.popleft()]
        room = FRAME_BYTES - len(batch[0].message.payload)
        while self._waiting and len(self._waiting[0].message.payload) <= room:
            room -= len(self._waiting[0].message.payload)
            batch.append(self._waiting.popleft())
        return batch

    def _broke(self, error: MeshError) -> None:
        if not self._is_away:
            structlog.get_logger().warning("broker_away", topic=self._topic, reason=error.message)
        self._is_away = True
        self._fail_waiting()

    def _came_back(self) -> None:
        if self._is_away:
            structlog.get_logger().info("broker_back", topic=self._topic)
        self._is_away = False

    def _fail_waiting(self) -> None:
        waiting = list(self._waiting)
        self._waiting.clear()
        self._fail(waiting)

    def _fail(self, batch: Iterable[_Waiting]) -> None:
        for one in batch:
            self._room.give_back(one.size)
            # Whoever gave up waiting has cancelled it.
            if not one.done.done():
                one.done.set_exception(_away("the broker did not take the message"))


def _size(message: Message) -> int:
    return len(message.payload) + _WEIGHT


def _away(message: str) -> MeshError:
    return errors.unavailable(Reason.SERVICE_UNAVAILABLE, message, retry_after=RETRY_S)
