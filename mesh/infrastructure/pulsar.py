"""`mesh.broker.Broker` on Apache Pulsar.

    pulsar://host:6650[,host:6650...][?tenant=public&namespace=default&token_file=...&ca_file=...]
    pulsar+ssl://...

`token_file` holds the token that this process shows, `ca_file` the authorities that it trusts (PEM). Both are read when
the adapter is opened.

Topics are non-persistent: docs/decisions/0024-pulsar.md says why, and what that promises.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, cast

import pulsar
import pulsar.asyncio

from mesh import errors
from mesh.broker import MAX_BUFFERED, MAX_BUFFERED_BYTES, Lost
from mesh.clock import Clock
from mesh.errors import MeshError, Reason
from mesh.infrastructure.pulsar_frames import Message
from mesh.infrastructure.pulsar_inlet import Inlet
from mesh.infrastructure.pulsar_outlet import Outlet, Room
from mesh.infrastructure.pulsar_probe import Probe
from mesh.infrastructure.pulsar_url import PulsarSettings
from mesh.settings import SettingError

TIMEOUT_S: Final = 2
"""How long the broker may take for one thing, in whole seconds, as the driver counts."""

RECEIVER_QUEUE: Final = 256
"""Frames that the driver reads ahead; few of them are large. What comes while it is full is dropped, and counted."""

QUIET_S: Final = 1.0
"""After so long without a message a topic is told how many there were: the last of them may be lost too."""

IDLE_S: Final = 60.0
"""After so long without a message a topic is left. The broker deletes topics that nobody holds."""

MAX_TOPICS: Final = 1_000
"""Topics that a process publishes to; then the one that was used longest ago is left."""

CLOSE_S: Final = 3.0
"""How long the end may take when the broker does not answer."""

SETTLE_S: Final = 0.3
"""How long the threads of the driver may take to end after it was closed."""


class PulsarBroker:
    """See the port. A process opens one, in its event loop, and closes it at its end.

    Nothing here waits for the broker to be there: it may start after this process, and go and come as it likes.
    """

    def __init__(
        self, url: str, clock: Clock, *, capacity: int = MAX_BUFFERED, capacity_bytes: int = MAX_BUFFERED_BYTES
    ) -> None:
        self._driver = _Driver(PulsarSettings.parse(url))
        self._clock = clock
        self._capacity = capacity
        self._capacity_bytes = capacity_bytes
        self._room = Room()
        self._outlets: dict[str, Outlet] = {}
        self._sweeping: asyncio.Task[None] | None = None

    @property
    def away(self) -> bool:
        """Whether a topic that is written to was not reached when it was tried last; each node writes to its own."""
        return any(outlet.away for outlet in tuple(self._outlets.values()))

    async def publish(self, topic: str, payload: bytes) -> None:
        """See the port. UNAVAILABLE comes after a few seconds the first time, at once while the topic is away."""
        await self._publish(topic, Message(payload))

    @asynccontextmanager
    async def subscribe(self, topic: str) -> AsyncIterator[AsyncIterator[bytes | Lost]]:
        """See the port. When the broker is away, opens all the same: a `Lost` says when it is read."""
        inlet = Inlet(
            topic,
            lambda: self._driver.reader(topic),
            lambda probe: self._publish(topic, probe),
            self._clock,
            self._capacity,
            self._capacity_bytes,
        )
        try:
            await inlet.open()
            yield inlet.read()
        finally:
            await inlet.close()

    async def aclose(self) -> None:
        """Give all topics up and end the driver. Takes some seconds when the broker does not answer."""
        if self._sweeping:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)
        outlets = list(self._outlets.values())
        self._outlets.clear()
        await asyncio.gather(*(outlet.close() for outlet in outlets))
        await self._driver.close()

    async def _publish(self, topic: str, message: Message) -> None:
        # The order of the dict is that of the last use.
        outlet = self._outlets.pop(topic, None) or self._open(topic)
        self._outlets[topic] = outlet
        await outlet.publish(message)

    def _open(self, topic: str) -> Outlet:
        self._sweeping = self._sweeping or asyncio.create_task(self._sweep(), name="broker-sweep")
        if len(self._outlets) >= MAX_TOPICS:
            self._leave(next(iter(self._outlets)))
        return Outlet(topic, lambda: self._driver.producer(topic), self._room, self._clock)

    def _leave(self, topic: str) -> None:
        self._driver.later(self._outlets.pop(topic).close())

    async def _sweep(self) -> None:
        while True:
            await self._clock.sleep(QUIET_S)
            for topic, outlet in list(self._outlets.items()):
                if outlet.idle_s() > IDLE_S:
                    self._leave(topic)
                elif outlet.idle_s() > QUIET_S:
                    outlet.tell()


class _Driver:
    """The client of Pulsar, with its errors as ours, and its ends where nobody waits for them.

    Its threads call into Python, which must not end before them, and what it is asked for may come after whoever asked
    has gone: so nothing is cancelled in it, and its end is waited for.
    """

    def __init__(self, settings: PulsarSettings) -> None:
        self._settings = settings
        token = _token(settings.token_file)
        self._client: Any = _client(settings, token)
        self._probe = Probe(settings.service_url, settings.ca_file, token)
        self._later: set[asyncio.Task[None]] = set()

    async def producer(self, topic: str) -> "_Producer":
        """What sends to a topic. Raises UNAVAILABLE."""
        options = {"batching_enabled": False, "send_timeout_millis": TIMEOUT_S * 1000, "max_pending_messages": 8}
        return _Producer(self, await self._make(self._client.create_producer(self._settings.topic(topic), **options)))

    async def reader(self, topic: str) -> "_Reader":
        """What reads a topic from now on. Raises UNAVAILABLE."""
        name, start = self._settings.topic(topic), pulsar.MessageId.latest
        making = self._client.create_reader(name, start, receiver_queue_size=RECEIVER_QUEUE)
        return _Reader(self, await self._make(making))

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that nobody waits for."""
        task = asyncio.create_task(work)
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    def close_later(self, thing: Any) -> None:
        """Close a producer or a reader."""
        self.later(_close(thing))

    async def close(self) -> None:
        """End it, and its threads."""
        self.later(_close(self._client))
        await asyncio.wait(self._later, timeout=CLOSE_S)
        del self._client
        # The interpreter crashes in half of its ends when these threads still hold something of it.
        await asyncio.sleep(SETTLE_S)

    async def _make(self, making: Coroutine[Any, Any, Any]) -> Any:
        task = asyncio.ensure_future(making)
        try:
            async with _errors():
                return await asyncio.shield(task)
        except BaseException as error:
            self.later(_close_made(task))
            if isinstance(error, MeshError):
                self.later(self._probe.tell())
            raise


class _Producer:
    def __init__(self, driver: _Driver, producer: Any) -> None:
        self._driver = driver
        self._producer = producer

    async def send(self, frame: bytes) -> None:
        """See `Producer` in `pulsar_outlet`."""
        async with _errors():
            await self._producer.send(frame)

    def close(self) -> None:
        """See `Producer`."""
        self._driver.close_later(self._producer)


class _Reader:
    def __init__(self, driver: _Driver, reader: Any) -> None:
        self._driver = driver
        self._reader = reader

    async def read(self) -> bytes:
        """See `Reader` in `pulsar_inlet`."""
        try:
            return cast(bytes, (await self._reader.read_next()).data())
        except pulsar.asyncio.PulsarException as error:
            raise _unavailable(error.error().name) from None

    def is_connected(self) -> bool:
        """See `Reader`."""
        return bool(self._reader.is_connected())

    def close(self) -> None:
        """See `Reader`."""
        self._driver.close_later(self._reader)


def _client(settings: PulsarSettings, token: str) -> Any:
    return pulsar.asyncio.Client(
        settings.service_url,
        authentication=pulsar.AuthenticationToken(token) if token else None,
        operation_timeout_seconds=TIMEOUT_S,
        connection_timeout_ms=TIMEOUT_S * 1000,
        tls_trust_certs_file_path=settings.ca_file or None,
        tls_validate_hostname=True,
        # It would write lines of its own form; what matters is logged here.
        logger=pulsar.FileLogger(pulsar.LoggerLevel.Error, os.devnull),
    )


def _token(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip() if path else ""
    except OSError as error:
        raise SettingError(f"BROKER_URL: token_file: {error.strerror}") from None


@asynccontextmanager
async def _errors() -> AsyncIterator[None]:
    """What the driver says, in our words; and an end for what it forgets."""
    try:
        async with asyncio.timeout(2 * TIMEOUT_S):
            yield
    except pulsar.asyncio.PulsarException as error:
        raise _unavailable(error.error().name) from None
    except (RuntimeError, ValueError) as error:
        # So errors of its C++ come through; whoever waits for a topic must not wait for a task that died of one.
        raise _unavailable(type(error).__name__) from None
    except TimeoutError:
        raise _unavailable("no answer") from None


def _unavailable(what: str) -> MeshError:
    return errors.unavailable(Reason.SERVICE_UNAVAILABLE, f"Pulsar: {what}")


async def _close(thing: Any) -> None:
    with contextlib.suppress(pulsar.asyncio.PulsarException):
        await thing.close()


async def _close_made(making: asyncio.Future[Any]) -> None:
    """Close what came after nobody wanted it any more."""
    with contextlib.suppress(pulsar.asyncio.PulsarException):
        await (await making).close()
