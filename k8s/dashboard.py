"""Makes monitoring/parley.json, the dashboard: rows of panels, each with what it asks Prometheus."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from k8s import ROOT

FILE: Final = ROOT / "k8s" / "monitoring" / "parley.json"

SOURCE: Final = {"type": "prometheus", "uid": "${source}"}
"""Grafana's data source, which a reader may choose above the panels."""

WIDTH: Final = 24
"""Of the grid, in Grafana's units."""

HEIGHT: Final = 7

LASTING: Final = (
    'rpc_method=~"parley[.].*", rpc_method!~"parley[.](link|ai)[.].*|.*GatewayService/(Connect|Subscribe)'
    '|.*/ReadMedia|.*/ExportConversation"'
)
"""Calls, but for those that last by their nature, as in the alert ParleyCallsSlow."""

FAILED: Final = 'rpc_grpc_status_code=~"INTERNAL|UNKNOWN|UNAVAILABLE|DEADLINE_EXCEEDED|DATA_LOSS"'


def rate(metric: str, by: str, where: str = "") -> str:
    """How often a second, by a label."""
    return f"sum by ({by}) (rate({metric}{{{where}}}[5m]))" if where else f"sum by ({by}) (rate({metric}[5m]))"


def quantile(part: float, metric: str, by: str, where: str = "") -> str:
    """What this part of all stay below, by a label."""
    return f"histogram_quantile({part}, {rate(f'{metric}_bucket', f'{by}, le', where)})"


def per_node(expression: str) -> dict[str, str]:
    """One line for each node."""
    return {"{{service_instance_id}}": expression}


@dataclass(frozen=True, slots=True)
class Panel:
    """Lines over time: what is asked, by the name that it has in the legend. `unit` is one of Grafana's."""

    title: str
    unit: str
    lines: Mapping[str, str]


CALLS, SECONDS, SERVICE = "rpc_server_calls_total", "rpc_server_duration_seconds", "service_name"

ROWS: Final[Mapping[str, Sequence[Panel]]] = {
    "Traffic": (
        Panel("Calls", "reqps", {"{{service_name}}": rate(CALLS, SERVICE)}),
        Panel("Nodes", "short", {"{{service_name}}": "sum by (service_name) (mesh_ready)"}),
        Panel("Reads of stores", "ops", {"{{service}}": rate("store_reads_total", "service")}),
    ),
    "Errors": (
        Panel(
            "Calls that fail",
            "reqps",
            {"{{service_name}} {{rpc_grpc_status_code}}": rate(CALLS, f"{SERVICE}, rpc_grpc_status_code", FAILED)},
        ),
        Panel(
            "Calls that are turned away",
            "reqps",
            {"{{service_name}}": rate(CALLS, SERVICE, 'rpc_grpc_status_code="RESOURCE_EXHAUSTED"')},
        ),
        Panel("Methods that fail most", "reqps", {"{{rpc_method}}": f"topk(5, {rate(CALLS, 'rpc_method', FAILED)})"}),
    ),
    "Latency": (
        Panel("Calls, 99 of 100", "s", {"{{service_name}}": quantile(0.99, SECONDS, SERVICE, LASTING)}),
        Panel("Calls, half", "s", {"{{service_name}}": quantile(0.5, SECONDS, SERVICE, LASTING)}),
        Panel("What the event loop lets wait", "s", per_node("mesh_loop_lag_seconds")),
    ),
    "Streams": (
        Panel("Devices", "short", {"all": "sum(gateway_devices)", **per_node("gateway_devices")}),
        Panel("Losses on the way to gateways", "ops", per_node(rate("events_lost_total", "service_instance_id"))),
        Panel("Memory", "bytes", per_node("mesh_memory_bytes")),
    ),
    "Log and delivery": (
        Panel("Messages that wait for the store", "short", per_node("log_waiting")),
        Panel(
            "Given up",
            "ops",
            {
                "refused": "sum(rate(log_refused_total[5m]))",
                "deliveries dropped": "sum(rate(delivery_dropped_total[5m]))",
            },
        ),
        Panel("Notifications", "ops", {"{{outcome}}": rate("push_notifications_total", "outcome")}),
        Panel("Events to sinks", "ops", {"{{sink}} {{outcome}}": rate("sink_events_total", "sink, outcome")}),
    ),
    "Stores and parts": (
        Panel(
            "Away",
            "short",
            {
                "store of {{service}}": "max by (service) (store_away)",
                "{{part}}": "max by (part) (part_away)",
                "log of {{service}} not moved": "max by (service) (store_unmoved)",
            },
        ),
        Panel("Disk that is free", "percentunit", {"{{service}}": "min by (service) (store_disk_free_ratio)"}),
    ),
    "AI": (
        Panel("Answers", "ops", {"{{outcome}}": rate("ai_replies_total", "outcome")}),
        Panel("Answers, 95 of 100", "s", {"{{outcome}}": quantile(0.95, "ai_reply_duration_seconds", "outcome")}),
        Panel("Calls of models", "ops", {"{{model}} {{outcome}}": rate("model_calls_total", "model, outcome")}),
        Panel("Texts that are judged", "ops", {"{{outcome}}": rate("judge_questions_total", "outcome")}),
    ),
}


def dashboard() -> dict[str, Any]:
    """The dashboard as Grafana reads it."""
    return {
        "uid": "parley",
        "title": "Parley",
        "tags": ["parley"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": [{"name": "source", "label": "Source", "type": "datasource", "query": "prometheus"}]},
        "panels": list(_panels()),
    }


def text() -> str:
    """The same as a file."""
    return json.dumps(dashboard(), indent=1) + "\n"


def _panels() -> Iterator[dict[str, Any]]:
    ids, top = count(1), 0
    for title, panels in ROWS.items():
        place = {"x": 0, "y": top, "w": WIDTH, "h": 1}
        yield {"id": next(ids), "type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": place}
        width = WIDTH // len(panels)
        for column, panel in enumerate(panels):
            place = {"x": column * width, "y": top + 1, "w": width, "h": HEIGHT}
            yield {"id": next(ids), "gridPos": place, **_lines(panel)}
        top += 1 + HEIGHT


def _lines(panel: Panel) -> dict[str, Any]:
    targets = [
        {"refId": chr(ord("A") + at), "expr": expression, "legendFormat": name, "datasource": SOURCE}
        for at, (name, expression) in enumerate(panel.lines.items())
    ]
    defaults = {"unit": panel.unit, "min": 0, "custom": {"lineWidth": 1, "fillOpacity": 5}}
    return {
        "type": "timeseries",
        "title": panel.title,
        "datasource": SOURCE,
        "targets": targets,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
    }
