from __future__ import annotations

import asyncio
import io
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from mesh import access, health
from mesh.clock import FakeClock
from mesh.errors import Code
from mesh.health import Health, HealthServicer
from mesh.server import Server
from mesh.telemetry import TelemetrySettings, open_telemetry
from tests.mesh.echo import PACKAGE, refused, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ECHO = f"{PACKAGE}.EchoService"


@asynccontextmanager
async def _serving() -> AsyncIterator[tuple[Health, grpc.aio.Channel]]:
    telemetry = open_telemetry("test", TelemetrySettings(), output=io.StringIO())
    state = Health()
    state.add([ECHO])
    async with Server("test", telemetry=telemetry, clock=FakeClock(0)) as server:
        server.add(HealthServicer(state), health.SERVICE, callers=access.PUBLIC)
        [address] = await server.start("127.0.0.1:0")
        async with grpc.aio.insecure_channel(address) as channel:
            yield state, channel
        await server.drain(0)


async def _check(channel: grpc.aio.Channel, service: str = "") -> int:
    check = channel.unary_unary(
        "/grpc.health.v1.Health/Check", HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString
    )
    return (await check(HealthCheckRequest(service=service), timeout=30)).status


def _watch(channel: grpc.aio.Channel) -> grpc.aio.UnaryStreamMultiCallable[HealthCheckRequest, Any]:
    return channel.unary_stream(
        "/grpc.health.v1.Health/Watch", HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString
    )


async def test_a_process_serves_when_it_says_so() -> None:
    """Before it is ready and after it began to drain, nobody is sent there."""
    async with _serving() as (state, channel):
        assert await _check(channel) == HealthCheckResponse.NOT_SERVING
        state.set(serving=True)
        assert await _check(channel) == await _check(channel, ECHO) == HealthCheckResponse.SERVING
        state.set(serving=False)
        assert await _check(channel, ECHO) == HealthCheckResponse.NOT_SERVING


async def test_a_service_that_is_not_here_is_not_found() -> None:
    """A probe for the wrong service fails instead of being calmed."""
    async with _serving() as (_, channel):
        assert (await refused(_check(channel, "other.Service"))).code == Code.NOT_FOUND


async def test_a_watcher_sees_each_change() -> None:
    """A client that balances by health leaves at once."""
    async with _serving() as (state, channel):
        call: Any = _watch(channel)(HealthCheckRequest(service=ECHO))
        seen = []
        for serving in (False, True, False):
            state.set(serving=serving)
            async with asyncio.timeout(30):
                seen.append((await call.read()).status)
        assert seen == [HealthCheckResponse.NOT_SERVING, HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING]
        call.cancel()


async def test_a_watcher_of_an_unknown_service_waits_for_it() -> None:
    """As the protocol says: SERVICE_UNKNOWN, and the stream stays open."""
    async with _serving() as (state, channel):
        call: Any = _watch(channel)(HealthCheckRequest(service="late.Service"))
        assert (await call.read()).status == HealthCheckResponse.SERVICE_UNKNOWN
        state.add(["late.Service"])
        state.set(serving=True)
        assert (await call.read()).status == HealthCheckResponse.SERVING
        call.cancel()
        await until(call.done)
