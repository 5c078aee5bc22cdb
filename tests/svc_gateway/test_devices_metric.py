"""What an autoscaler is told about a gateway."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from mesh.keys import generate_keys
from tests.svc_message.device import new_device
from tests.svc_message.world import mesh_of_one

EXPORT = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
METRIC = "gateway.devices"


class Collector(grpc.GenericRpcHandler):
    """A collector of OTLP that keeps what it is sent."""

    def __init__(self) -> None:
        self.requests: asyncio.Queue[ExportMetricsServiceRequest] = asyncio.Queue()

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        known = handler_call_details.method == EXPORT
        return grpc.unary_unary_rpc_method_handler(self._export) if known else None

    async def _export(self, request: bytes, _: object) -> bytes:
        self.requests.put_nowait(ExportMetricsServiceRequest.FromString(request))
        return ExportMetricsServiceResponse().SerializeToString()


@pytest.fixture
async def collector() -> AsyncIterator[tuple[Collector, str]]:
    """A collector and its address."""
    server, handler = grpc.aio.server(), Collector()
    server.add_generic_rpc_handlers([handler])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield handler, f"http://127.0.0.1:{port}"
    await server.stop(0)


@pytest.fixture
async def gateway(collector: tuple[Collector, str], tmp_path: Path) -> AsyncIterator[None]:
    """A gateway that runs alone, with the settings that the manifests give it."""
    generate_keys(tmp_path / "keys")
    settings = {
        "PARLEY_KEYS": str(tmp_path / "keys"),
        "PARLEY_TELEMETRY_ENDPOINT": collector[1],
        "PARLEY_TELEMETRY_METRIC_SECONDS": "0.2",
        "OTEL_RESOURCE_ATTRIBUTES": "k8s.pod.name=gateway-abc",
    }
    command = (sys.executable, "-m", "svc_gateway")
    process = await asyncio.create_subprocess_exec(*command, env={**os.environ, **settings}, stderr=DEVNULL)
    yield
    process.kill()
    await process.wait()


async def test_the_number_follows_the_devices(tmp_path: Path) -> None:
    """It counts those that are connected now, and not those that have been."""
    reader = InMemoryMetricReader()
    async with mesh_of_one(tmp_path, prepare=lambda made: made.readers.append(reader)) as mesh:
        devices = [await new_device(mesh).connect() for _ in range(3)]
        assert _read(reader) == 3
        await devices[0].leave(bye=True)
        assert _read(reader) == 2


def _read(reader: InMemoryMetricReader) -> object:
    data = reader.get_metrics_data()
    metrics = [] if data is None else [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics]
    [point] = [point for metric in metrics if metric.name == METRIC for point in metric.data.data_points]
    return getattr(point, "value", None)


async def test_a_gateway_says_how_many_devices_it_holds(collector: tuple[Collector, str], gateway: None) -> None:
    """The number reaches a collector under the name that the autoscaler asks for, with the pod that it is of."""
    async with asyncio.timeout(30):
        found = None
        while found is None:
            found = _devices(await collector[0].requests.get())
    assert found == ("gateway-abc", 0)


def _devices(request: ExportMetricsServiceRequest) -> tuple[str, int] | None:
    for resource in request.resource_metrics:
        attributes = {one.key: one.value.string_value for one in resource.resource.attributes}
        for metric in (one for scope in resource.scope_metrics for one in scope.metrics):
            if metric.name == METRIC:
                return attributes["k8s.pod.name"], metric.gauge.data_points[0].as_int
    return None
