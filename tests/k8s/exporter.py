"""What the Prometheus exporter of the OpenTelemetry collector makes of our metrics, set as docs/operations.md says."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from opentelemetry.sdk.metrics.export import Gauge, Histogram, InMemoryMetricReader, Metric, Sum

UNITS: Final = {"": "", "s": "seconds", "By": "bytes", "1": "ratio"}
"""The word that a unit adds to a name. What stands in braces says what is counted, and adds none."""


@dataclass(frozen=True, slots=True)
class Family:
    """A metric as Prometheus has it: the names of its series, and their labels."""

    name: str
    series: frozenset[str]
    labels: frozenset[str]


def families(reader: InMemoryMetricReader) -> list[Family]:
    """All that was observed. Resource attributes are labels too: `resource_to_telemetry_conversion`."""
    data = reader.get_metrics_data()
    assert data is not None
    return [
        _family(metric, set(map(_label, resource.resource.attributes)))
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    ]


def _family(metric: Metric, common: set[str]) -> Family:
    labels = {_label(name) for point in metric.data.data_points for name in point.attributes or {}}
    series = set(_series(metric))
    if isinstance(metric.data, Histogram):
        labels |= {"le"}
    return Family(_named(metric), frozenset(series), frozenset(labels | common))


def _series(metric: Metric) -> Iterator[str]:
    name = _named(metric)
    if isinstance(metric.data, Histogram):
        yield from (f"{name}_bucket", f"{name}_sum", f"{name}_count")
    else:
        yield name


def _named(metric: Metric) -> str:
    """Dots are underscores; the unit follows unless the name has it, and then `total` where it only rises."""
    words = re.split(r"[^A-Za-z0-9]+", metric.name)
    said = metric.unit or ""
    unit = "" if said.startswith("{") else UNITS[said]
    if unit and unit not in words and (said != "1" or isinstance(metric.data, Gauge)):
        words.append(unit)
    if isinstance(metric.data, Sum) and metric.data.is_monotonic:
        words = [*(word for word in words if word != "total"), "total"]
    return "_".join(words)


def _label(name: str) -> str:
    return re.sub(r"\W", "_", name)
