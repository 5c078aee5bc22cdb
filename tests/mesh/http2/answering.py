"""Servers that a client of ours meets: our own, and that of grpc.aio, which was written by others. They do the same."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

import grpc
from google.rpc import status_pb2

from mesh.errors import Code
from mesh.http2 import headers
from mesh.http2.listener import Listener
from mesh.http2.owner import Limits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from mesh.http2.exchange import Exchange

DETAILS = status_pb2.Status(code=Code.ABORTED, message="who was first?").SerializeToString()
WORDS = "50 % of “it” was löst"
LARGE = 3_000_000


class Asked(Protocol):
    """One RPC at a server."""

    async def read(self) -> bytes | None: ...
    async def write(self, message: bytes) -> None: ...
    async def fail(self, code: Code, message: str, details: bytes) -> None: ...
    def metadata(self) -> Mapping[str, str | bytes]: ...


class Service:
    """What both servers do, by the path that is called."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    async def serve(self, path: str, asked: Asked) -> None:
        self.seen[f"{path} began"] += 1
        try:
            await self._all[path](self, asked)
        except asyncio.CancelledError:
            self.seen[f"{path} cancelled"] += 1
            raise
        self.seen[f"{path} ended"] += 1

    async def _echo(self, asked: Asked) -> None:
        while (message := await asked.read()) is not None:
            await asked.write(message)

    async def _fail(self, asked: Asked) -> None:
        await asked.write(b"before")
        await asked.fail(Code.ABORTED, WORDS, DETAILS)

    async def _refuse(self, asked: Asked) -> None:
        await asked.fail(Code.PERMISSION_DENIED, "not you", b"")

    async def _tell(self, asked: Asked) -> None:
        """Say the metadata that the client sent under three names."""
        said = asked.metadata()
        await asked.write(repr([said.get("authorization"), said.get("one-bin"), len(said.get("long", ""))]).encode())

    async def _pour(self, asked: Asked) -> None:
        for number in range(100):
            await asked.write(b"%d" % number)

    async def _large(self, asked: Asked) -> None:
        await asked.write(bytes(LARGE))

    async def _count(self, asked: Asked) -> None:
        size = 0
        while (message := await asked.read()) is not None:
            size += len(message)
        await asked.write(b"%d" % size)

    async def _hang(self, asked: Asked) -> None:
        await asked.write(b"here")
        await asyncio.Event().wait()

    _all: Mapping[str, Callable[[Service, Asked], Awaitable[None]]] = {
        "/t/Echo": _echo,
        "/t/Fail": _fail,
        "/t/Refuse": _refuse,
        "/t/Tell": _tell,
        "/t/Pour": _pour,
        "/t/Large": _large,
        "/t/Count": _count,
        "/t/Hang": _hang,
    }


class _Ours:
    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def read(self) -> bytes | None:
        return await self._exchange.read()

    async def write(self, message: bytes) -> None:
        if not self._exchange.send(message):
            await self._exchange.drained()

    async def fail(self, code: Code, message: str, details: bytes) -> None:
        self._exchange.finish(headers.trailers(code, message, details))

    def metadata(self) -> Mapping[str, str | bytes]:
        return dict(self._exchange.request.metadata)


class _Theirs:
    def __init__(self, context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
        self._context = context

    async def read(self) -> bytes | None:
        message = await self._context.read()
        return message if isinstance(message, bytes) else None  # type: ignore[redundant-expr]  # typed without EOF

    async def write(self, message: bytes) -> None:
        await self._context.write(message)

    async def fail(self, code: Code, message: str, details: bytes) -> None:
        trailing = (("grpc-status-details-bin", details),) if details else ()
        [status] = [one for one in grpc.StatusCode if one.value[0] == code]
        await self._context.abort(status, message, trailing)

    def metadata(self) -> Mapping[str, str | bytes]:
        return dict(self._context.invocation_metadata() or ())


@asynccontextmanager
async def ours(service: Service, address: str = "127.0.0.1:0", max_streams: int = 100) -> AsyncIterator[str]:
    """Run our own server; yields where it listens."""

    async def serve(exchange: Exchange) -> None:
        await service.serve(exchange.request.path, _Ours(exchange))
        exchange.finish(headers.trailers(0, "", None))

    limits = Limits(max_message=8 << 20, max_connections=10, max_streams=max_streams, age_s=0)
    listener = Listener(serve, limits)
    try:
        yield await listener.listen(address)
    finally:
        await listener.drain(0)


class _Router(grpc.GenericRpcHandler):
    def __init__(self, service: Service) -> None:
        self._service = service

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        path = handler_call_details.method

        async def serve(_: object, context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
            await self._service.serve(path, _Theirs(context))

        return grpc.stream_stream_rpc_method_handler(serve)


@asynccontextmanager
async def theirs(service: Service, address: str = "127.0.0.1:0", max_streams: int = 100) -> AsyncIterator[str]:
    """Run a server of grpc.aio; yields where it listens."""
    options = (("grpc.max_receive_message_length", 8 << 20), ("grpc.max_concurrent_streams", max_streams))
    server = grpc.aio.server(options=options)
    server.add_generic_rpc_handlers((_Router(service),))
    port = server.add_insecure_port(address)
    await server.start()
    try:
        yield address if address.startswith("unix:") else f"127.0.0.1:{port}"
    finally:
        await server.stop(0)
