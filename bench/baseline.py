"""The raw baseline: what a bare gRPC stream costs on this machine, in the same minute and on the same cores.

A ratio to it stays the same on another machine, which a rate does not. `python -m bench.baseline` is its server.
"""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import grpc

from bench.child import Child
from bench.device import OPTIONS, RawStream
from bench.progress import Progress

METHOD: Final = "/bench.Echo/Echo"
WARM_UP_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Baseline:
    """Echoes of one frame, one in flight on each stream."""

    streams: int
    frame_bytes: int
    echoes_per_s: float
    echoes_per_cpu_s: float
    server_cpu: float
    load_cpu: float


async def measure(core: int, streams: int, frame_bytes: int, seconds: float, progress: Progress) -> Baseline:
    """Echo frames of this size on this many connections for a while."""
    with TemporaryDirectory(prefix="parley-bench-") as folder:
        async with Child(("-m", "bench.baseline"), core, os.environ, Path(folder) / "log") as child:
            address = await child.said("ready on ", "\n")
            return await _load(child, address, streams, os.urandom(frame_bytes), seconds, progress)


async def _load(child: Child, address: str, streams: int, frame: bytes, seconds: float, progress: Progress) -> Baseline:
    counters = [0] * streams
    tasks = [asyncio.create_task(_ping(address, frame, counters, index)) for index in range(streams)]
    try:
        await progress.during("raw echo, warm-up", WARM_UP_S)
        return await _measure(child, counters, len(frame), seconds, progress)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _measure(child: Child, counters: list[int], frame_bytes: int, seconds: float, progress: Progress) -> Baseline:
    clock = asyncio.get_running_loop().time
    count, cpu, load, began = sum(counters), child.usage().cpu_s, _own_cpu(), clock()
    await progress.during("raw echo", seconds, lambda: sum(counters))
    elapsed = clock() - began
    count, cpu, load = sum(counters) - count, child.usage().cpu_s - cpu, _own_cpu() - load
    return Baseline(len(counters), frame_bytes, count / elapsed, count / cpu, cpu / elapsed, load / elapsed)


async def _ping(address: str, frame: bytes, counters: list[int], index: int) -> None:
    async with grpc.aio.insecure_channel(address, options=OPTIONS) as channel:
        stream: RawStream = channel.stream_stream(METHOD)()
        while True:
            await stream.write(frame)
            if not isinstance(await stream.read(), bytes):
                return
            counters[index] += 1


def _own_cpu() -> float:
    times = os.times()
    return times.user + times.system


class _Echo(grpc.GenericRpcHandler):
    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        return grpc.stream_stream_rpc_method_handler(_echo) if handler_call_details.method == METHOD else None


async def _echo(_: object, context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
    while isinstance(frame := await context.read(), bytes):
        await context.write(frame)


async def _serve() -> None:
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0), ("grpc.server.max_pending_requests", 20_000)])
    server.add_generic_rpc_handlers((_Echo(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"ready on 127.0.0.1:{port}\n")
    sys.stdout.flush()
    await server.wait_for_termination()


if __name__ == "__main__":
    import uvloop

    uvloop.run(_serve())
