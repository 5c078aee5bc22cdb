from __future__ import annotations

import io
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from mesh.telemetry import TelemetrySettings, open_telemetry
from tests.mesh.echo import CANARY, PACKAGE, Ping, refused, running, until

if TYPE_CHECKING:
    from mesh.telemetry import Telemetry

TRACE = "0af7651916cd43dd8448eb211c80319c"
SAY = f"{PACKAGE}.EchoService/Say"


def _observed() -> tuple[Telemetry, InMemorySpanExporter, InMemoryMetricReader]:
    spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
    telemetry = open_telemetry(
        "test",
        TelemetrySettings(trace_ratio=1.0),
        output=io.StringIO(),
        spans=[SimpleSpanProcessor(spans)],
        readers=[reader],
    )
    return telemetry, spans, reader


def _points(reader: InMemoryMetricReader, name: str) -> dict[tuple[Any, Any], Any]:
    data = reader.get_metrics_data()
    assert data is not None
    metrics = [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics if m.name == name]
    return {
        (point.attributes["rpc.method"], point.attributes["rpc.grpc.status_code"]): point  # type: ignore[index]  # always set
        for metric in metrics
        for point in metric.data.data_points
    }


def test_reads_of_stores_are_counted() -> None:
    """Each service says how often it has read its store, as a metric and to whoever asks the process."""
    telemetry, _, reader = _observed()
    reads = {"user": 3, "message": 5}
    telemetry.count_reads("user", lambda: reads["user"])
    telemetry.count_reads("message", lambda: reads["message"])
    assert telemetry.reads() == reads
    reads["user"] = 4
    data = reader.get_metrics_data()
    assert data is not None
    [metric] = [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics if m.name == "store.reads"]
    points = metric.data.data_points
    assert {(point.attributes or {})["service"]: point.value for point in points} == reads  # type: ignore[union-attr]  # a sum
    telemetry.close()


async def test_calls_are_counted_by_method_and_code() -> None:
    """Good and refused calls alike, with how long they took."""
    telemetry, _, reader = _observed()
    async with running(telemetry=telemetry) as echo:
        await echo.call("Say")
        await echo.call("Say")
        await refused(echo.call("Say", "conflict"))
        await refused(echo.call("SayAsUser"))
    calls = _points(reader, "rpc.server.calls")
    assert calls[SAY, "OK"].value == 2
    assert calls[SAY, "ABORTED"].value == 1
    assert calls[f"{PACKAGE}.EchoService/SayAsUser", "PERMISSION_DENIED"].value == 1
    assert _points(reader, "rpc.server.duration")[SAY, "OK"].count == 2
    telemetry.close()


async def test_a_unary_call_continues_the_trace_of_its_caller() -> None:
    """The span has the caller's trace, the method and the code, and no word of an exception."""
    telemetry, spans, _ = _observed()
    async with running(telemetry=telemetry) as echo:
        await echo.call("Say", metadata=(("traceparent", f"00-{TRACE}-b7ad6b7169203331-01"),))
        await refused(echo.call("Say", "boom"))
    good, bad = spans.get_finished_spans()
    assert (good.name, format(good.context.trace_id, "032x")) == (SAY, TRACE)
    assert (good.attributes or {})["rpc.grpc.status_code"] == 0
    assert (bad.attributes or {})["rpc.grpc.status_code"] == 13
    assert CANARY not in good.to_json() + bad.to_json()
    telemetry.close()


async def test_a_stream_has_no_span_and_is_counted() -> None:
    """A connection of hours is not one trace."""
    telemetry, spans, reader = _observed()
    async with running(telemetry=telemetry) as echo:
        stream = echo.stream("Chat")()
        await stream.write(Ping(text="bye"))
        await stream.code()
        cut = echo.stream("Chat")()
        await cut.write(Ping(text="a"))
        await cut.read()
        cut.cancel()
        await until(lambda: echo.servicer.inside == 0)
    chat = f"{PACKAGE}.EchoService/Chat"
    calls = _points(reader, "rpc.server.calls")
    assert calls[chat, "OK"].value + calls[chat, "CANCELLED"].value == 2
    assert not spans.get_finished_spans()
    telemetry.close()


def test_without_an_endpoint_nothing_is_exported() -> None:
    """A laptop needs no collector, and closing is quick."""
    open_telemetry("test", TelemetrySettings(), output=io.StringIO()).close()


def test_importing_does_nothing() -> None:
    """No provider, no logger and no exporter is made by an import."""
    code = (
        "import mesh.telemetry, mesh.process, mesh.server, sys, logging, opentelemetry.trace as t;"
        "assert not logging.getLogger().handlers;"
        "assert t._TRACER_PROVIDER is None;"
        "assert 'opentelemetry.exporter.otlp' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
