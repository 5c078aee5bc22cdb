"""The life of one process: build, serve, wait for a signal, drain in order, close in reverse, exit 0.

async def build(process: Process) -> None:
    store = await process.enter(Store(...))
    server = Server("user", telemetry=process.telemetry, clock=clock, authenticator=...)
    server.add(UserServicer(store), ...)
    await process.serve(server, "0.0.0.0:7001")
    process.on_deregister(await registry.register(...))

if __name__ == "__main__":
    sys.exit(main("user", build, TelemetrySettings()))
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import structlog

from mesh import access, health, logs, reflection
from mesh.health import Health, HealthServicer
from mesh.interceptors import code_locations
from mesh.reflection import Reflection
from mesh.settings import SettingError
from mesh.telemetry import TelemetrySettings, open_telemetry
from mesh.vitals import show_process

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
    from contextlib import AbstractAsyncContextManager

    from mesh.server import Server
    from mesh.telemetry import Telemetry

T = TypeVar("T")

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
QUESTION: Final = signal.SIGUSR1
"""Asks a process what it has counted; the answer is a line of its log."""

EXIT_FAILED: Final = 1
EXIT_SETTINGS: Final = 2


@dataclass(frozen=True, slots=True)
class ProcessSettings:
    """`drain_seconds` bounds what happens between the signal and the last call; Kubernetes must wait longer."""

    drain_seconds: float = 25.0
    grace_seconds: float = 5.0
    reflection: bool = True


class Process:
    """What a composition root hangs its parts on."""

    def __init__(self, name: str, telemetry: Telemetry, settings: ProcessSettings | None = None) -> None:
        self.name = name
        self.telemetry = telemetry
        self.health = Health()
        self._settings = settings or ProcessSettings()
        self._stack = AsyncExitStack()
        self._servers: list[Server] = []
        self._deregister: list[Callable[[], Awaitable[None]]] = []
        self._drain: list[Callable[[], Awaitable[None]]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending = asyncio.Event()
        self._failure: BaseException | None = None

    async def enter(self, resource: AbstractAsyncContextManager[T]) -> T:
        """Open a resource and close it at the end, after everything that was opened later."""
        return await self._stack.enter_async_context(resource)

    def on_deregister(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Call this first when the process ends, so that nobody new is sent here."""
        self._deregister.append(callback)

    def on_drain(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Call this after deregistering and before the servers stop: tell open streams, flush what waits."""
        self._drain.append(callback)

    def spawn(self, work: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        """Run something for as long as the process lives; if it fails, the process ends with 1."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    async def serve(self, server: Server, *addresses: str) -> list[str]:
        """Start a server, with health and reflection beside its services; return the addresses it is bound to."""
        self.health.add(server.services)
        if self._settings.reflection:
            server.add(Reflection(server.services), reflection.SERVICE, callers=access.PUBLIC)
        server.add(HealthServicer(self.health), health.SERVICE, callers=access.PUBLIC)
        bound = await server.start(*addresses)
        self._servers.append(server)
        self.telemetry.log.info("serving", server=server.name, addresses=bound)
        return bound

    def stop(self) -> None:
        """Begin the end, as a signal does."""
        self._ending.set()

    def report(self) -> None:
        """Log what was counted since the start; as a warning, so that it is seen at any log level."""
        self.telemetry.log.warning("counts", store_reads=self.telemetry.reads())

    async def run(self, build: Callable[[Process], Awaitable[None]]) -> int:
        """Build, be ready, wait for the end, and take it all down; return the exit code."""
        try:
            async with self._stack:
                try:
                    await self._live(build)
                finally:
                    await self._take_down()
        except SettingError:
            raise
        except Exception as error:  # noqa: BLE001  the last place that can say what happened
            self._fail(self.name, error)
        return EXIT_FAILED if self._failure else 0

    async def _live(self, build: Callable[[Process], Awaitable[None]]) -> None:
        building = asyncio.ensure_future(build(self))
        ending = asyncio.ensure_future(self._ending.wait())
        # A signal also ends a start that waits for a neighbour who does not come.
        await asyncio.wait({building, ending}, return_when=asyncio.FIRST_COMPLETED)
        if building.done():
            await building
            _settle_garbage_collector()
            self.health.set(serving=True)
            self.telemetry.log.info("ready", process=self.name)
            await ending
        building.cancel()
        ending.cancel()
        await asyncio.gather(building, ending, return_exceptions=True)

    async def _take_down(self) -> None:
        self.health.set(serving=False)
        try:
            async with asyncio.timeout(self._settings.drain_seconds):
                for callback in (*self._deregister, *self._drain):
                    await self._attempt(callback)
        except TimeoutError:
            self.telemetry.log.warning("drain took too long", seconds=self._settings.drain_seconds)
        await asyncio.gather(*(server.drain(self._settings.grace_seconds) for server in self._servers))
        await self._cancel_tasks()
        self.telemetry.log.info("stopped", process=self.name)

    async def _attempt(self, callback: Callable[[], Awaitable[None]]) -> None:
        # A part that is away must not keep the others from ending well.
        try:
            await callback()
        except Exception as error:  # noqa: BLE001  whatever it is, the next one has its turn
            self._log_failure("drain step failed", error)

    async def _cancel_tasks(self) -> None:
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._fail(task.get_name(), error)
            self.stop()

    def _fail(self, part: str, error: BaseException) -> None:
        self._failure = error
        self._log_failure(f"{part} failed", error)

    def _log_failure(self, event: str, error: BaseException) -> None:
        self.telemetry.log.error(event, exception=type(error).__qualname__, at=code_locations(error))


def main(
    name: str,
    build: Callable[[Process], Awaitable[None]],
    telemetry: TelemetrySettings,
    settings: ProcessSettings | None = None,
) -> int:
    """Run a process until a signal ends it; return its exit code: 0, 1 after a failure, 2 for a wrong setting."""
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(_run(name, build, telemetry, settings))
    except SettingError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_SETTINGS


async def _run(
    name: str,
    build: Callable[[Process], Awaitable[None]],
    telemetry_settings: TelemetrySettings,
    settings: ProcessSettings | None,
) -> int:
    telemetry = open_telemetry(name, telemetry_settings)
    process = Process(name, telemetry, settings)
    show_process(telemetry, lambda: process.health.serving)
    async with _closing(telemetry):
        with _bridged(telemetry), _signals(process):
            return await process.run(build)


@asynccontextmanager
async def _closing(telemetry: Telemetry) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await asyncio.to_thread(telemetry.close)


@contextmanager
def _bridged(telemetry: Telemetry) -> Iterator[None]:
    bridge = logs.Bridge(telemetry.log)
    logging.getLogger().addHandler(bridge)
    logs.adopt(telemetry.log)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(bridge)
        structlog.reset_defaults()


@contextmanager
def _signals(process: Process) -> Iterator[None]:
    """The first signal drains; then the handlers are gone, so a second one ends the process at once."""
    loop = asyncio.get_running_loop()

    def remove() -> None:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    def first() -> None:
        remove()
        process.stop()

    for number in SIGNALS:
        loop.add_signal_handler(number, first)
    loop.add_signal_handler(QUESTION, process.report)
    try:
        yield
    finally:
        remove()
        loop.remove_signal_handler(QUESTION)


def _settle_garbage_collector() -> None:
    """Take what the start has made out of the collector's way, and let it run less often.

    A busy server makes many short-lived objects and few cycles: with the default thresholds collections took 13% of the
    event loop, and with these 19% more messages fit into a CPU-second (`make bench`).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 10)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415  absent on some systems
    except ImportError:
        return None
    return uvloop.new_event_loop
