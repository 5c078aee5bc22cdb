"""What a process says while it waits for its store: NOT_SERVING to who asks for its health, UNAVAILABLE to all others.

A server cannot be given services after it was started, so this is one of its own, on the same address, and gone when
the start goes on.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import structlog
from grpc_health.v1.health_pb2 import HealthCheckResponse

from mesh import errors
from mesh.errors import Reason
from mesh.health import CHECK, WATCH
from mesh.http2.listener import Listener
from mesh.http2.owner import Limits
from mesh.stream import Stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mesh.http2.exchange import Exchange

AFTER_S: Final = 1.0
"""A start that is done by then says nothing: nobody has asked yet."""

RETRY_S: Final = 1.0

LIMITS: Final = Limits(max_message=65_536, max_connections=1_000, max_streams=100, age_s=0)


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
    listener = Listener(_serve, LIMITS)
    try:
        await listener.listen(address)
        structlog.get_logger().warning("waits_for_store", address=address)
        await asyncio.Event().wait()
    finally:
        await listener.drain(0)


async def _serve(exchange: Exchange) -> None:
    """One answer for each path."""
    stream = Stream(exchange)
    if exchange.request.path in {CHECK, WATCH}:
        await stream.write(HealthCheckResponse(status=HealthCheckResponse.NOT_SERVING))
        if exchange.request.path == WATCH:
            await asyncio.Event().wait()
    else:
        stream.fail(
            errors.unavailable(Reason.SERVICE_UNAVAILABLE, "the service is starting; try again", retry_after=RETRY_S)
        )
    stream.finish()
