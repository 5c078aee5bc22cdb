"""Raw streams: what a bare idle stream keeps in memory, and how long many take to connect at once."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

import grpc

from bench.baseline import methods, serving
from bench.device import RawStream
from bench.fleet import OPENING_AT_ONCE, channels
from bench.progress import Progress

SETTLE_S: Final = 2.0
WORD: Final = b"x" * 200
"""About as long as the words of a device that says hello."""


async def rss_per_stream(core: int, streams: int, to_a_channel: int, progress: Progress) -> float:
    """Return by how many bytes a bare server grows for each stream that is open and idle."""
    async with serving(core) as (child, address):
        before = child.usage().rss_bytes
        async with channels(address, -(-streams // to_a_channel)) as lines:
            progress.show("raw idle streams", f"{streams}")
            opened = await _open([lines[index // to_a_channel] for index in range(streams)], OPENING_AT_ONCE)
            await progress.during("raw idle streams, settling", SETTLE_S)
            grown = child.usage().rss_bytes - before
            for stream in opened:
                stream.cancel()
    return grown / streams


async def reconnect_s(core: int, streams: int, progress: Progress) -> float:
    """Return how long it takes until all streams that were cut at once have connected again and got an answer."""
    async with serving(core) as (_, address), channels(address, streams) as lines:
        progress.show("raw connections", f"{streams}")
        await _open(lines, OPENING_AT_ONCE)
        began = time.perf_counter()
        closing = [asyncio.create_task(line.close()) for line in lines]
        async with channels(address, streams) as fresh:
            progress.show("raw connections, again", f"{streams}")
            await _open(fresh, streams)
            took = time.perf_counter() - began
            await asyncio.gather(*closing)
    return took


async def _open(lines: Sequence[grpc.aio.Channel], at_once: int) -> list[RawStream]:
    slots = asyncio.Semaphore(at_once)

    async def open_one(line: grpc.aio.Channel) -> RawStream:
        async with slots:
            stream: RawStream = line.stream_stream(methods.ECHO)()
            await stream.write(WORD)
            if not isinstance(await stream.read(), bytes):
                raise ConnectionError(f"the raw server ended a stream: {await stream.code()}")
            return stream

    return list(await asyncio.gather(*(open_one(line) for line in lines)))
