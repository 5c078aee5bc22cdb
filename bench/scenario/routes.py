"""Scenario `routes`: what it costs that the mesh knows where each device is.

Devices are written into a real Redis as a gateway does, and then kept there. No device is connected: this is the part
of its cost that does not show in the standalone, whose key-value is its own memory.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from bench.child import ChildError, cpu_seconds, rss_bytes
from bench.figure import Figure, Unit
from bench.machine import Cores
from bench.progress import Progress
from bench.result import Result, Row
from mesh.clock import SystemClock
from mesh.infrastructure.redis import RedisKeyValue
from mesh.renewal import RENEW_S, TURNS
from mesh.routes import Routes
from real import part, process, ready

PART: Final = "redis"
AT_ONCE: Final = 200
START_S: Final = 10.0
STOP_S: Final = 10.0
NANO: Final = 1e9
KILOBYTE: Final = 1_000

NOTES: Final = (
    f"A turn comes each {RENEW_S:.0f} s and renews a share of the routes; all are renewed once in {TURNS} turns.",
    "After Redis lost everything, one turn writes all of them again.",
    "Nanoseconds are of one core; of the node it is that of this process, which has nothing else to do.",
)


@dataclass(frozen=True, slots=True)
class Options:
    """How many devices one node holds, and how many turns are measured."""

    devices: int = 30_000
    turns: int = TURNS


@dataclass(frozen=True, slots=True)
class _Cost:
    """CPU of the node and of Redis, in seconds."""

    node_s: float
    redis_s: float

    def row(self, name: str, count: int) -> Row:
        """This cost as that of each of so many."""
        return Row(
            name, (Figure("node ns", self.node_s / count * NANO), Figure("redis ns", self.redis_s / count * NANO))
        )


async def run(options: Options, cores: Cores, progress: Progress) -> Result:
    """Run the scenario. Raises ChildError when Redis runs already or is not installed."""
    del cores  # CPU time is read from both processes, wherever they run
    async with _redis() as (pid, url):
        kv, clock = RedisKeyValue(url, SystemClock()), SystemClock()
        try:
            rows = await _measure(Routes(kv, clock, "gateway-1", "bench"), pid, options, progress)
        finally:
            await kv.aclose()
    return Result(rows, 0, notes=NOTES)


async def _measure(routes: Routes, pid: int, options: Options, progress: Progress) -> tuple[Row, ...]:
    count, empty = options.devices, rss_bytes(pid)
    came = await _cost(pid, lambda: _attach(routes, count, progress))
    memory = Figure("kB in redis", (rss_bytes(pid) - empty) / count / KILOBYTE, Unit.KILOBYTES)
    written = await _cost(pid, routes.renew)
    kept = await _cost(pid, lambda: _turns(routes, options.turns, progress))
    return (
        came.row("a device comes", count),
        written.row("all written again", count),
        kept.row("a device, a turn", count * options.turns),
        Row("a device", (memory,)),
    )


@asynccontextmanager
async def _redis() -> AsyncIterator[tuple[int, str]]:
    one = next(one for one in part.ALL if one.name == PART)
    if process.find(PART) is not None:
        raise ChildError("redis runs already: make real-stop")
    one.install()
    process.start(PART, one.command(), one.environment())
    try:
        await asyncio.to_thread(ready.wait, PART, one.answers, START_S)
        started = process.find(PART)
        assert started is not None  # noqa: S101 - it has just answered
        yield started.pid, one.url()
    finally:
        await asyncio.to_thread(process.stop, PART, STOP_S)


async def _cost(pid: int, work: Callable[[], Awaitable[None]]) -> _Cost:
    node, redis = time.process_time(), cpu_seconds(pid)
    await work()
    return _Cost(time.process_time() - node, cpu_seconds(pid) - redis)


async def _attach(routes: Routes, count: int, progress: Progress) -> None:
    for first in range(0, count, AT_ONCE):
        await asyncio.gather(*(routes.attach(f"u{n:015d}", f"d{n:015d}") for n in range(first, first + AT_ONCE)))
        progress.show("devices", f"{first:,}/{count:,}")


async def _turns(routes: Routes, count: int, progress: Progress) -> None:
    for turn in range(count):
        await routes.renew()
        progress.show("turns", f"{turn}/{count}")
