"""An hour of a mesh that is well, and what goes wrong in it: which alerts must fire then, and no others."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from standalone.app import SERVICES

MINUTES: Final = 60
CALM: Final = frozenset[str]()


def series(metric: str, **labels: str) -> str:
    """One series."""
    inside = ", ".join(f'{name}="{value}"' for name, value in labels.items())
    return f"{metric}{{{inside}}}"


def of(metric: str, node: str, **labels: str) -> str:
    """One series of a node, such as `user-1`."""
    service = f"svc_{node.partition('-')[0]}"
    return series(metric, service_name=service, service_instance_id=node, **labels)


def still(value: float) -> str:
    """The same all the time."""
    return f"{value:f}+0x{MINUTES}"


def rising(step: int) -> str:
    """So much more each minute."""
    return f"0+{step}x{MINUTES}"


def calls(node: str, code: str = "OK", method: str = "parley.user.v1.UserService/GetProfile") -> str:
    """The calls of a node that ended so."""
    return of("rpc_server_calls_total", node, rpc_method=method, rpc_grpc_status_code=code)


def slow(node: str, most: str) -> str:
    """The calls of a node that took no longer than `most`."""
    method, code = "parley.user.v1.UserService/GetProfile", "OK"
    return of("rpc_server_duration_seconds_bucket", node, rpc_method=method, rpc_grpc_status_code=code, le=most)


def well() -> dict[str, str]:
    """Two nodes of each service that have nothing to complain of."""
    lines = {}
    for node in (f"{service}-{number}" for service in SERVICES for number in (1, 2)):
        lines[of("mesh_ready", node)] = still(1)
        lines[of("mesh_uptime_seconds", node)] = rising(60)
        lines[of("mesh_loop_lag_seconds", node)] = still(0.001)
        lines[of("mesh_memory_bytes", node)] = still(500e6)
        lines[of("mesh_memory_limit_bytes", node)] = still(1e9)
        lines[of("part_away", node, part="cache")] = still(0)
        lines[of("certificate_expires_seconds", node, file="/tls/tls.crt")] = still(90 * 86_400)
        lines[calls(node)] = rising(600)
        lines |= {slow(node, most): rising(600) for most in ("0.1", "1", "5", "+Inf")}
    return lines | _logs() | _gateways() | _outside()


def _logs() -> dict[str, str]:
    lines = {}
    for node in ("message-1", "message-2"):
        lines[of("log_waiting", node)] = still(10)
        lines[of("log_refused_total", node)] = still(0)
        lines[of("delivery_dropped_total", node)] = still(0)
        for metric in ("store_away", "store_unmoved"):
            lines[of(metric, node, service="message")] = still(0)
        lines[of("store_disk_free_ratio", node, service="message")] = still(0.5)
    return lines


def _gateways() -> dict[str, str]:
    lines = {}
    for node in ("gateway-1", "gateway-2"):
        lines[of("gateway_devices", node)] = still(500)
        lines[of("events_lost_total", node)] = still(0)
    return lines


def _outside() -> dict[str, str]:
    return {
        of("sink_events_total", "message-1", sink="audit", outcome="told"): rising(60),
        of("push_notifications_total", "message-1", outcome="carried"): rising(60),
        of("policy_questions_total", "message-1", outcome="allowed"): rising(60),
        of("model_calls_total", "ai-1", model="PARLEY_AI_MODEL", outcome="answered"): rising(10),
        of("judge_questions_total", "ai-1", outcome="allow"): rising(10),
    }


@dataclass(frozen=True, slots=True)
class Case:
    """What differs from a mesh that is well, and which alerts fire at a minute of the hour."""

    name: str
    fires: frozenset[str] = CALM
    lines: Mapping[str, str] = field(default_factory=dict)
    minute: int = 40

    def test(self) -> dict[str, Any]:
        """The case as promtool reads it."""
        samples = [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in sorted(self.fires)]
        firing = 'group by (alertname) (ALERTS{alertstate="firing"})'
        return {
            "name": self.name,
            "interval": "1m",
            "input_series": [{"series": one, "values": said} for one, said in {**well(), **self.lines}.items()],
            "promql_expr_test": [{"expr": firing, "eval_time": f"{self.minute}m", "exp_samples": samples}],
        }


def one(alert: str, line: str, values: str, minute: int = 40) -> Case:
    """A single line that differs, and the alert that is for it."""
    return Case(alert, frozenset({alert}), {line: values}, minute)


CONNECT: Final = "parley.gateway.v1.GatewayService/Connect"
FIRST: Final = "_x30 1+0x30"
"""A counter that was not there before it counted its first."""

SINK: Final = {"sink": "billing"}

CASES: Final = (
    Case("all is well"),
    one("ParleyCallsFail", calls("user-1", "UNAVAILABLE"), rising(600)),
    Case("streams end with their node", lines={calls("gateway-1", "UNAVAILABLE", CONNECT): "0+0x30 5000+0x30"}),
    one("ParleyDefect", calls("group-1", "INTERNAL"), FIRST),
    Case("a defect of an hour ago", lines={calls("group-1", "INTERNAL"): FIRST}, minute=55),
    Case(
        "ParleyCallsSlow", frozenset({"ParleyCallsSlow"}), {slow("ai-1", "0.1"): still(0), slow("ai-1", "1"): still(0)}
    ),
    one("ParleyCallsRefused", calls("user-1", "RESOURCE_EXHAUSTED"), rising(600)),
    Case(
        "ParleyServiceGone",
        frozenset({"ParleyServiceGone"}),
        {of("mesh_ready", f"ai-{number}"): "1+0x20" for number in (1, 2)},
    ),
    Case(
        "all nodes wait for their store",
        frozenset({"ParleyServiceGone"}),
        {of("mesh_ready", f"ai-{number}"): still(0) for number in (1, 2)},
    ),
    one("ParleyNodeAlone", of("mesh_ready", "ai-2"), still(0)),
    one("ParleyNodesFell", of("mesh_ready", "gateway-3"), "1+0x30"),
    one("ParleyNodeRestarts", of("mesh_uptime_seconds", "group-1"), "0+60x15 0+60x5 0+60x5 0+60x30"),
    Case("one restart", lines={of("mesh_uptime_seconds", "group-1"): "0+60x30 0+60x30"}),
    one("ParleyLoopLag", of("mesh_loop_lag_seconds", "user-1"), still(1)),
    one("ParleyMemoryHigh", of("mesh_memory_bytes", "gateway-1"), still(950e6)),
    Case(
        "ParleyDevicesFell",
        frozenset({"ParleyDevicesFell"}),
        {of("gateway_devices", f"gateway-{number}"): "500+0x30 100+0x29" for number in (1, 2)},
        minute=36,
    ),
    Case(
        "a few devices go home",
        lines={of("gateway_devices", f"gateway-{number}"): "20+0x30 0+0x29" for number in (1, 2)},
        minute=36,
    ),
    one("ParleyGatewayFull", of("gateway_devices", "gateway-1"), still(18_000)),
    one("ParleyEventsLost", of("events_lost_total", "gateway-1"), rising(1)),
    one("ParleyMessagesRefused", of("log_refused_total", "message-1"), rising(10)),
    one("ParleyMessagesWait", of("log_waiting", "message-1"), still(15_000)),
    one("ParleyDeliveriesDropped", of("delivery_dropped_total", "message-2"), rising(10)),
    one("ParleyStoreAway", of("store_away", "message-1", service="message"), still(1)),
    one("ParleyPartAway", of("part_away", "user-1", part="cache"), still(1)),
    one("ParleyStoreUnmoved", of("store_unmoved", "message-1", service="message"), still(1)),
    one("ParleyDiskFull", of("store_disk_free_ratio", "message-1", service="message"), still(0.05)),
    one("ParleyCertificateEnds", of("certificate_expires_seconds", "user-1", file="/tls/tls.crt"), still(86_400)),
    one("ParleySinkAway", of("sink_events_total", "message-1", outcome="away", **SINK), rising(5)),
    one("ParleyDeadLetters", of("sink_events_total", "message-1", outcome="dead", **SINK), FIRST),
    one("ParleySinkFull", of("sink_events_total", "message-1", outcome="full", **SINK), rising(1)),
    one("ParleyPushFails", of("push_notifications_total", "message-1", outcome="away"), rising(60)),
    one("ParleyPolicyAway", of("policy_questions_total", "message-1", outcome="failed_open"), rising(60)),
    one("ParleyModelAway", of("model_calls_total", "ai-1", model="PARLEY_AI_MODEL", outcome="rubbish"), rising(60)),
    one("ParleyJudgeAway", of("judge_questions_total", "ai-1", outcome="unreachable"), rising(60)),
)
