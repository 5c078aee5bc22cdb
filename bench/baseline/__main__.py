"""python -m bench.baseline: the bare server."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import grpc
import uvloop

from bench.baseline import methods

Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"
Serve: TypeAlias = "Callable[[object, Context], Awaitable[None]]"

OPTIONS: Final = (
    ("grpc.so_reuseport", 0),
    ("grpc.server.max_pending_requests", 20_000),
    ("grpc.server.max_pending_requests_hard_limit", 40_000),
)


class _Group:
    """All who listen, each with what waits for it."""

    def __init__(self) -> None:
        self._members: set[_Member] = set()

    async def listen(self, _: object, context: Context) -> None:
        member = _Member(context)
        self._members.add(member)
        try:
            await context.write(b"")
            await context.read()
        finally:
            self._members.discard(member)

    async def post(self, _: object, context: Context) -> None:
        while isinstance(frame := await context.read(), bytes):
            for member in self._members:
                member.push(frame)
            await context.write(frame)


class _Member:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._waiting: list[bytes] = []
        self._task: asyncio.Task[None] | None = None

    def push(self, frame: bytes) -> None:
        self._waiting.append(frame)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                for frame in batch:
                    await self._context.write(frame)
        finally:
            self._task = None


async def _echo(_: object, context: Context) -> None:
    while isinstance(frame := await context.read(), bytes):
        await context.write(frame)


async def _pages(_: object, context: Context) -> None:
    while isinstance(order := await context.read(), bytes):
        pages, records, size = methods.PAGE_ORDER.unpack(order)
        page = os.urandom(size * records)
        for _page in range(pages):
            await context.write(page)


class _Router(grpc.GenericRpcHandler):
    def __init__(self) -> None:
        group = _Group()
        self._table: dict[str, Serve] = {
            methods.ECHO: _echo,
            methods.LISTEN: group.listen,
            methods.POST: group.post,
            methods.PAGES: _pages,
        }

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        serve = self._table.get(handler_call_details.method)
        return grpc.stream_stream_rpc_method_handler(serve) if serve else None


async def _serve() -> None:
    server = grpc.aio.server(options=OPTIONS)
    server.add_generic_rpc_handlers((_Router(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"ready on 127.0.0.1:{port}\n")
    sys.stdout.flush()
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(_serve())
