"""Raw fan-out: a bare server that pushes each message to all streams, which do nothing but count bytes."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from bench.baseline import methods, serving
from bench.child import Child
from bench.figure import Figure, Unit
from bench.fleet import settle
from bench.line import Line, lines, read
from bench.meter import TIMED, Meter, Span, percentiles
from bench.progress import Progress
from bench.result import Row
from mesh.http2.call import Call

BACKLOG: Final = 100
"""Messages that may be on their way to a member: the bare server bounds nothing itself."""


class Fanout:
    """A bare server with members that listen."""

    def __init__(self, child: Child, lines: Sequence[Line], frame: bytes, progress: Progress) -> None:
        self._lines = lines
        self._frame = frame
        self._progress = progress
        self._meter = Meter(child, lambda: (self._bytes // len(frame),), progress)
        self._bytes = 0
        self._posted = 0
        self._posting = False
        self._caught_up = asyncio.Event()
        self._due: dict[int, float] = {}
        """When messages of a paced pass were due, by their place among all that were posted: members hear all."""
        self._delivery: list[float] = []

    async def measure(self, senders: int, window: int, seconds: float, warm_up_s: float) -> Span:
        """Post for a while, so many at a time from each sender, and count what the members get."""
        self._posting = True
        async with asyncio.TaskGroup() as group:
            for line in self._lines[:senders]:
                group.create_task(self._post(line, window))
            await self._progress.during("raw fan-out, warm-up", warm_up_s)
            span = await self._meter.during("raw fan-out", seconds)
            self._posting = False
        return span

    async def pace(self, rate: float, seconds: float, warm_up_s: float) -> tuple[Span, list[float]]:
        """Post one message at a time, so many a second; return how long each took from when it was due, sorted."""
        await settle("raw fan-out", lambda: not self._missing(), self._progress)
        self._posting = True
        async with asyncio.TaskGroup() as group:
            group.create_task(self._post_by_the_clock(self._lines[0], 1 / rate))
            await self._progress.during("raw fan-out by the clock, warm-up", warm_up_s)
            self._delivery.clear()
            span = await self._meter.during("raw fan-out by the clock", seconds)
            self._posting = False
        return span, sorted(self._delivery)

    async def join(self) -> list[asyncio.Task[None]]:
        """Open the streams of all members; return the tasks that read them."""
        streams = [await line.open(methods.LISTEN) for line in self._lines]
        await asyncio.gather(*map(read, streams))
        return [asyncio.create_task(self._listen(stream, index)) for index, stream in enumerate(streams)]

    async def _listen(self, stream: Call, index: int) -> None:
        timed, places = index % TIMED == 0, itertools.count()

        def take(data: bytes) -> None:
            self._bytes += len(data)
            if timed and (due := self._due.get(next(places))):
                self._delivery.append(time.perf_counter() - due)
            if not self._caught_up.is_set() and not self._behind():
                self._caught_up.set()

        await stream.each(take)

    async def _post(self, line: Line, window: int) -> None:
        async with _poster(line) as stream:
            while self._posting:
                for _ in range(window):
                    stream.send(self._frame)
                self._posted += window
                for _ in range(window):
                    await read(stream)
                if self._behind():
                    self._caught_up.clear()
                    await self._caught_up.wait()

    async def _post_by_the_clock(self, line: Line, period: float) -> None:
        due = time.perf_counter()
        async with _poster(line) as stream:
            while self._posting:
                due += period
                await asyncio.sleep(due - time.perf_counter())
                self._due[self._posted] = due
                self._posted += 1
                stream.send(self._frame)
                await read(stream)

    def _behind(self) -> bool:
        return self._missing() > BACKLOG * len(self._lines)

    def _missing(self) -> int:
        """How many deliveries are still on their way."""
        return self._posted * len(self._lines) - self._bytes // len(self._frame)


@asynccontextmanager
async def _poster(line: Line) -> AsyncIterator[Call]:
    """A stream of one who posts, which ends in order."""
    stream = await line.open(methods.POST)
    yield stream
    stream.done()
    await stream.read()


@asynccontextmanager
async def fanout(
    core: int, members: int, frame: bytes, progress: Progress, *, to_a_line: int = 1
) -> AsyncIterator[Fanout]:
    """Start the bare server and let the members listen, so many of them on one connection."""
    async with serving(core) as (child, address), lines(address, -(-members // to_a_line)) as made:
        raw = Fanout(child, [made[member // to_a_line] for member in range(members)], frame, progress)
        tasks = await raw.join()
        try:
            yield raw
        finally:
            for task in tasks:
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*tasks, return_exceptions=True)


def row(name: str, span: Span, delivery: Sequence[float] = ()) -> Row:
    """Return a fan-out as a row. `delivery`: how long each took in a paced pass, sorted."""
    figures = [
        Figure("deliveries per server CPU s", span.per_cpu_s(span.counts[0])),
        Figure("of raw", 1.0, Unit.RATIO),
        Figure("deliveries/s", span.rate()),
        *span.usage(),
    ]
    if delivery:
        figures += percentiles("delivery", delivery)
    return Row(name, tuple(figures), span.remark())
