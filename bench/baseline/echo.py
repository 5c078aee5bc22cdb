"""Raw echo: one frame in flight on each stream, each stream on a connection of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.baseline import methods, serving
from bench.child import Child
from bench.figure import Figure, Unit
from bench.line import lines
from bench.meter import Meter, Span
from bench.progress import Progress
from bench.result import Row
from mesh.http2.call import Call


class Echo:
    """A bare server, and streams that are open to it."""

    def __init__(self, child: Child, streams: list[Call], frame: bytes, progress: Progress) -> None:
        self._streams = streams
        self._frame = frame
        self._progress = progress
        self._meter = Meter(child, lambda: (self._count,), progress)
        self._count = 0
        self._running = False

    async def measure(self, seconds: float, warm_up_s: float) -> Span:
        """Echo for a while; the streams stay open for the next time."""
        self._running = True
        async with asyncio.TaskGroup() as group:
            for stream in self._streams:
                group.create_task(self._ping(stream))
            await self._progress.during("raw echo, warm-up", warm_up_s)
            span = await self._meter.during("raw echo", seconds)
            self._running = False
        return span

    async def _ping(self, stream: Call) -> None:
        """Send again what comes, until it is told to stop: the last echo is waited for."""
        last = asyncio.get_running_loop().create_future()

        def take(_: bytes) -> None:
            self._count += 1
            if self._running:
                stream.send(self._frame)
            else:
                last.set_result(None)

        hearing = asyncio.create_task(stream.each(take))
        stream.send(self._frame)
        try:
            await asyncio.wait((hearing, last), return_when=asyncio.FIRST_COMPLETED)
        finally:
            hearing.cancel()
        if not last.done():
            await hearing


@asynccontextmanager
async def echo(core: int, streams: int, frame: bytes, progress: Progress) -> AsyncIterator[Echo]:
    """Start the bare server and open streams to it."""
    async with serving(core) as (child, address), lines(address, streams) as made:
        yield Echo(child, [await line.open(methods.ECHO) for line in made], frame, progress)


async def measure(
    core: int, streams: int, frame: bytes, seconds: float, warm_up_s: float, progress: Progress
) -> tuple[float, Row]:
    """Measure once; return the echoes for each CPU second, and the row of it."""
    async with echo(core, streams, frame, progress) as raw:
        span = await raw.measure(seconds, warm_up_s)
    return span.per_cpu_s(span.counts[0]), row(span)


def row(span: Span) -> Row:
    """Return an echo as a row."""
    figures = (
        Figure("per server CPU s", span.per_cpu_s(span.counts[0])),
        Figure("of raw", 1.0, Unit.RATIO),
        Figure("per s", span.rate()),
        *span.usage(),
    )
    return Row("raw echo", figures, span.remark())
