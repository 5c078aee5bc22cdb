"""What a process says while it waits for its store: NOT_SERVING to who asks for its health, UNAVAILABLE to all others.

A server cannot be given services after it was started, so this is one of its own, on the same address, and gone when
the start goes on.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, NoReturn

import grpc
import structlog
from grpc_health.v1.health_pb2 import HealthCheckResponse

from mesh import errors, status
from mesh.errors import Reason

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

AFTER_S: Final = 1.0
"""A start that is done by then says nothing: nobody has asked yet."""

RETRY_S: Final = 1.0

CHECK: Final = "/grpc.health.v1.Health/Check"
WATCH: Final = "/grpc.health.v1.Health/Watch"

Context = grpc.aio.ServicerContext[bytes, bytes]


@asynccontextmanager
async def waiting(address: str) -> AsyncIterator[None]:
    """Answer at this address, `host:port`, while what is inside takes its time. With port 0 nobody could ask.

    Does nothing when the address cannot be had: whoever needs it says so.
    """
    answering = None if address.endswith(":0") else asyncio.create_task(_answer(address), name="waiting")
    try:
        yield
    finally:
        if answering is not None:
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)


async def _answer(address: str) -> None:
    await asyncio.sleep(AFTER_S)
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((_NotYet(),))
    try:
        server.add_insecure_port(address)
        await server.start()
        structlog.get_logger().warning("waits_for_store", address=address)
        await asyncio.Event().wait()
    finally:
        await server.stop(None)


class _NotYet(grpc.GenericRpcHandler):
    """One answer for each path."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        if handler_call_details.method == CHECK:
            return grpc.unary_unary_rpc_method_handler(_check)
        if handler_call_details.method == WATCH:
            return grpc.unary_stream_rpc_method_handler(_watch)
        return grpc.stream_unary_rpc_method_handler(_refuse)


async def _check(request: bytes, context: Context) -> bytes:  # noqa: ARG001  the same for every service
    return _not_serving()


async def _watch(request: bytes, context: Context) -> None:  # noqa: ARG001  as above
    await context.write(_not_serving())
    await asyncio.Event().wait()


async def _refuse(request: object, context: Context) -> NoReturn:  # noqa: ARG001  what is asked makes no difference
    error = errors.unavailable(Reason.SERVICE_UNAVAILABLE, "the service is starting; try again", retry_after=RETRY_S)
    details = status.encode(error).SerializeToString()
    code = status.GRPC_CODES[int(error.code)]
    await context.abort(code, error.message, ((status.DETAILS_KEY, details),))


def _not_serving() -> bytes:
    return HealthCheckResponse(status=HealthCheckResponse.NOT_SERVING).SerializeToString()
