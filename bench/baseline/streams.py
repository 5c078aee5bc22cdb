"""Raw streams: what a bare idle stream keeps in memory, and how long many take to connect at once."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from bench.baseline import methods, serving
from bench.fleet import OPENING_AT_ONCE
from bench.line import Line, lines, read
from bench.progress import Progress
from mesh.http2.call import Call

SETTLE_S: Final = 2.0
WORD: Final = b"x" * 200
"""About as long as the words of a device that says hello."""


async def rss_per_stream(core: int, streams: int, to_a_line: int, progress: Progress) -> float:
    """Return by how many bytes a bare server grows for each stream that is open and idle."""
    async with serving(core) as (child, address):
        before = child.usage().rss_bytes
        async with lines(address, -(-streams // to_a_line)) as made:
            progress.show("raw idle streams", f"{streams}")
            opened = await _open([made[index // to_a_line] for index in range(streams)], OPENING_AT_ONCE)
            await progress.during("raw idle streams, settling", SETTLE_S)
            grown = child.usage().rss_bytes - before
            for stream in opened:
                stream.cancel()
    return grown / streams


async def reconnect_s(core: int, streams: int, progress: Progress) -> float:
    """Return how long it takes until all streams that were cut at once have connected again and got an answer."""
    async with serving(core) as (_, address), lines(address, streams) as first:
        progress.show("raw connections", f"{streams}")
        await _open(first, OPENING_AT_ONCE)
        began = time.perf_counter()
        for line in first:
            line.close()
        async with lines(address, streams) as fresh:
            progress.show("raw connections, again", f"{streams}")
            await _open(fresh, streams)
            took = time.perf_counter() - began
    return took


async def _open(over: Sequence[Line], at_once: int) -> list[Call]:
    slots = asyncio.Semaphore(at_once)

    async def open_one(line: Line) -> Call:
        async with slots:
            stream = await line.open(methods.ECHO)
            stream.send(WORD)
            await read(stream)
            return stream

    return list(await asyncio.gather(*(open_one(line) for line in over)))
