"""Traces, metrics and logs of one process. Nothing here is global: whoever observes is given a `Telemetry`."""

from __future__ import annotations

import sys
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, TextIO, TypeAlias

from opentelemetry.metrics import CallbackOptions, NoOpMeterProvider, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from mesh import logs
from mesh.errors import Code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from opentelemetry.metrics import Meter
    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Tracer
    from structlog.typing import FilteringBoundLogger

    from mesh.call import Call

Number: TypeAlias = "Callable[[], float | None]"
_Shown: TypeAlias = "tuple[Number, dict[str, str]]"

# Seconds; from a fast unary call on loopback to the longest deadline.
BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)


@dataclass(frozen=True, slots=True)
class TelemetrySettings:
    """`endpoint` is an OTLP/gRPC collector (`http://host:4317`); empty means that nothing is exported."""

    endpoint: str = ""
    trace_ratio: float = field(default=0.05, metadata={"most": 1})
    metric_seconds: float = field(default=15.0, metadata={"least": 0.001})
    log_level: str = "info"
    log_format: str = "auto"


class Telemetry:
    """What a process observes itself with: `log`, `meter`, and `tracer` (None when nobody would see a trace)."""

    def __init__(
        self,
        log: FilteringBoundLogger,
        meter: Meter,
        tracer: Tracer | None,
        shutdowns: Sequence[Callable[[], None]] = (),
    ) -> None:
        self.log = log
        self.meter = meter
        self.tracer = tracer
        self._shutdowns = tuple(shutdowns)
        self._context = TraceContextTextMapPropagator()
        self._duration = meter.create_histogram(
            "rpc.server.duration", "s", "time in an RPC's handler", explicit_bucket_boundaries_advisory=BUCKETS
        )
        self._calls = meter.create_counter("rpc.server.calls", "{call}", "RPCs that ended")
        self._reads: dict[str, Callable[[], int]] = {}
        self._shown: dict[str, list[_Shown]] = {}

    def span(self, call: Call) -> AbstractContextManager[None]:
        """Put a unary call into a span of the caller's trace; a stream passes as it is."""
        return nullcontext() if self.tracer is None or call.method.streaming else self._span(call, self.tracer)

    @contextmanager
    def _span(self, call: Call, tracer: Tracer) -> Iterator[None]:
        parent = self._context.extract({key: str(value) for key, value in call.stream.metadata})
        with tracer.start_as_current_span(
            call.method.path.lstrip("/"),
            parent,
            SpanKind.SERVER,
            record_exception=False,  # its text may hold a body
            set_status_on_exception=False,
        ) as span:
            yield
            span.set_attribute("rpc.grpc.status_code", int(call.code))

    def record(self, method: str, code: Code, seconds: float) -> None:
        """Count an RPC that ended, with how long it took."""
        attributes = {"rpc.method": method.lstrip("/"), "rpc.grpc.status_code": code.name}
        self._duration.record(seconds, attributes)
        self._calls.add(1, attributes)

    def show(self, name: str, unit: str, description: str, number: Number, **labels: str) -> None:
        """Show a number that rises and falls; `number` says it whenever it is exported, None for nothing to say.

        Services of one process show theirs under one name, told apart by their labels.
        """
        if others := self._others(name, number, labels):
            self.meter.create_observable_gauge(name, [partial(_observe, others)], unit, description)

    def total(self, name: str, unit: str, description: str, number: Number, **labels: str) -> None:
        """Show a number that only rises, in the same way."""
        if others := self._others(name, number, labels):
            self.meter.create_observable_counter(name, [partial(_observe, others)], unit, description)

    def _others(self, name: str, number: Number, labels: dict[str, str]) -> list[_Shown] | None:
        """What is shown under this name, with this number in it; None where there is an instrument for it already."""
        known = name in self._shown
        shown = self._shown.setdefault(name, [])
        shown.append((number, labels))
        return None if known else shown

    def count_reads(self, service: str, reads: Callable[[], int]) -> None:
        """Show how often this service has read its store; `reads` says it at any moment."""
        self._reads[service] = reads
        self.total("store.reads", "{read}", "times that a service read its store", reads, service=service)

    def reads(self) -> dict[str, int]:
        """How often each service of this process has read its store since the start."""
        return {service: reads() for service, reads in self._reads.items()}

    def close(self) -> None:
        """Send what waits and stop. May block for a few seconds when the collector is away."""
        for shutdown in self._shutdowns:
            shutdown()


def _observe(shown: Sequence[_Shown], _: CallbackOptions) -> Iterator[Observation]:
    for number, labels in shown:
        if (now := number()) is not None:
            yield Observation(now, labels)


def open_telemetry(
    service: str,
    settings: TelemetrySettings,
    *,
    output: TextIO = sys.stderr,
    spans: Sequence[SpanProcessor] = (),
    readers: Sequence[MetricReader] = (),
) -> Telemetry:
    """Return the telemetry of a process; `spans` and `readers` come beside the exporter that the settings ask for."""
    log = logs.logger(output, settings.log_level, settings.log_format).bind(service=service)
    span_exports = [*spans, *_otlp_spans(settings)]
    metric_exports = [*readers, *_otlp_metrics(settings)]
    resource = Resource.create({"service.name": service})
    # Providers that nobody reads still cost tens of microseconds a call, so without an exporter there are none.
    tracing = _tracing(resource, settings, span_exports) if span_exports else None
    metering = MeterProvider(metric_exports, resource) if metric_exports else None
    return Telemetry(
        log,
        (metering or NoOpMeterProvider()).get_meter("mesh"),
        tracing.get_tracer("mesh") if tracing else None,
        [provider.shutdown for provider in (tracing, metering) if provider],
    )


def _tracing(resource: Resource, settings: TelemetrySettings, exports: Sequence[SpanProcessor]) -> TracerProvider:
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(settings.trace_ratio)), resource=resource, shutdown_on_exit=False
    )
    for export in exports:
        provider.add_span_processor(export)
    return provider


def _otlp_spans(settings: TelemetrySettings) -> list[SpanProcessor]:
    if not settings.endpoint:
        return []
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (  # noqa: PLC0415  half a second, rarely needed
        OTLPSpanExporter,
    )

    return [BatchSpanProcessor(OTLPSpanExporter(settings.endpoint))]


def _otlp_metrics(settings: TelemetrySettings) -> list[MetricReader]:
    if not settings.endpoint:
        return []
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import (  # noqa: PLC0415  as above
        OTLPMetricExporter,
    )

    exporter = OTLPMetricExporter(settings.endpoint)
    return [PeriodicExportingMetricReader(exporter, settings.metric_seconds * 1_000)]
