"""What an operator is told: alerts and panels ask for what the code exports, and a page says what to do."""

import asyncio
import io
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from k8s import alerts, dashboard
from k8s.credentials import make
from mesh import vitals
from mesh.backends import BackendSettings, open_backends
from mesh.certificates import show_certificates
from mesh.clock import SystemClock
from mesh.errors import Code
from mesh.process import Process
from mesh.server import ServerSettings
from mesh.settings import Secret
from mesh.telemetry import Telemetry, TelemetrySettings, open_telemetry
from mesh.vitals import show_parts, show_process
from standalone.app import SERVICES, build
from svc_ai.infrastructure.journal import TelemetryJournal
from svc_ai.infrastructure.judge_counts import JudgeCounts
from svc_ai.infrastructure.model_counts import ModelCounts
from svc_message.application.append import MAX_WAITING
from svc_message.infrastructure.outside import counters
from tests.k8s.contract import methods, path
from tests.k8s.exporter import Family, families
from tests.k8s.policies import K8S, documents
from tests.k8s.promql import groupings, matchers, metrics

PAGE = (K8S.parent / "docs" / "operations.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (.+?) \|", re.MULTILINE)
BEHIND = BackendSettings("etcd://127.0.0.1:1", "pulsar://127.0.0.1:1", Secret("redis://127.0.0.1:1"))
SOURCES: Final = tuple(
    file.read_text(encoding="utf-8")
    for service in SERVICES
    for file in sorted((K8S.parent / f"svc_{service}").rglob("*.py"))
)


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Family]:
    """What a whole mesh exports, its parts and programs outside included: name of a series -> its metric."""
    folder = tmp_path_factory.mktemp("mesh")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("PARLEY_")]:
            patch.delenv(name)  # a mesh refuses settings that are none, such as where real parts are
        patch.setenv("PARLEY_DATA", str(folder / "data"))
        patch.setenv("PARLEY_ADDRESS", "127.0.0.1:0")
        (folder / "limit").write_text("1073741824\n", encoding="ascii")
        patch.setattr(vitals, "LIMITS", (folder / "limit",))
        found = asyncio.run(observed(folder))
    return {series: family for family in found for series in family.series}


async def observed(folder: Path) -> list[Family]:
    """Start a mesh and look at its metrics once."""
    reader = InMemoryMetricReader()
    telemetry = open_telemetry("svc_user", TelemetrySettings(), output=io.StringIO(), readers=[reader])
    process = Process("standalone", telemetry)
    found: list[Family] = []

    async def start(process: Process) -> None:
        await build(process)
        async with aclosing(open_backends(BEHIND, SystemClock())) as backends:
            show_parts(telemetry, backends.parts())
            found.extend(families(reader))
        process.stop()

    show_process(telemetry, lambda: process.health.serving)
    show_certificates(telemetry, [f"etcds://host:2379?ca_file={certificate(folder)}"])
    count_each(telemetry)
    assert await process.run(start) == 0
    telemetry.close()
    return found


def certificate(folder: Path) -> Path:
    """One of a trial installation."""
    make(folder)
    return folder / "edge" / "tls.crt"


def count_each(telemetry: Telemetry) -> None:
    """One of all that is counted as it happens: the counters of programs that this mesh does not have among them."""
    telemetry.record("/parley.user.v1.UserService/LogIn", Code.OK, 0.1)
    counters.Pushes(telemetry)("carried")
    counters.Policy(telemetry)("allowed", 0.1)
    counters.Policy(telemetry, "judging")("allowed", 0.1)
    counters.Reviewed(telemetry)("looked_at", 1)
    counters.Sinks(telemetry)("audit", "told", 1)
    JudgeCounts(telemetry)("allow", 0.1)
    ModelCounts(telemetry, "PARLEY_AI_MODEL")("answered")
    replies = TelemetryJournal(telemetry)
    replies._ended.add(1, {"outcome": "answered"})
    replies._seconds.record(1.0, {"outcome": "answered"})


def rules() -> list[dict[str, Any]]:
    """Every alert."""
    return [rule for group in alerts.groups() for rule in group["rules"]]


def asked() -> Iterator[tuple[str, str]]:
    """Every expression, with whose it is."""
    yield from ((rule["alert"], rule["expr"]) for rule in rules())
    for panels in dashboard.ROWS.values():
        yield from ((panel.title, expression) for panel in panels for expression in panel.lines.values())


def unknown(expressions: Iterable[tuple[str, str]], exports: Mapping[str, Family]) -> list[str]:
    """What is asked for and exported by nobody: one line each."""
    return [
        f"{owner}: nobody exports {name}"
        for owner, expression in expressions
        for name in sorted(metrics(expression) - exports.keys())
    ]


def test_every_metric_that_is_asked_for_is_exported(exports: Mapping[str, Family]) -> None:
    """By a mesh that runs, under the names that the collector's exporter makes of them."""
    assert len({name for _, expression in asked() for name in metrics(expression)}) >= 25
    assert unknown(asked(), exports) == []


def test_a_name_that_is_exported_no_more_is_noticed(exports: Mapping[str, Family]) -> None:
    """Renamed metrics, suffixes that are none, and histograms that are asked as counters are found."""
    wrong = ("gateway_device", "gateway_devices_total", "rpc_server_duration_seconds_total", "mesh_memory")
    for name in wrong:
        spoilt = [("one", f"sum by (service_name) (rate({name}[5m])) > 1 or mesh_uptime_seconds > 1")]
        assert unknown(spoilt, exports) == [f"one: nobody exports {name}"]


def test_every_label_that_is_asked_for_is_exported(exports: Mapping[str, Family]) -> None:
    """Those that series are chosen by, and those that are kept."""
    strange = [
        f"{owner}: {one.metric} has no {one.label}"
        for owner, expression in asked()
        for one in matchers(expression)
        if one.label not in exports[one.metric].labels
    ]
    for owner, expression in asked():
        labels = {label for name in metrics(expression) for label in exports[name].labels}
        strange += [f"{owner}: no {label}" for label in sorted(groupings(expression) - labels)]
    assert strange == []


def test_labels_in_a_summary_are_left_in_the_alert(exports: Mapping[str, Family]) -> None:
    """What a summary names is kept by the expression: else an operator reads of no node at all."""
    for rule in rules():
        named = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        kept = groupings(rule["expr"]) or exports[next(iter(metrics(rule["expr"])))].labels
        assert named <= kept, rule["alert"]


def test_values_of_labels_are_those_of_the_code() -> None:
    """Outcomes stand in the code as they stand in the expressions; codes and services are those that there are."""
    known = {"rpc_grpc_status_code": {code.name for code in Code}, "service_name": {f"svc_{one}" for one in SERVICES}}
    seen = set()
    for _, expression in asked():
        for one in matchers(expression):
            values = set(one.value.split("|"))
            if one.label == "outcome":
                seen |= values
                assert [value for value in values if not said(value)] == []
            elif one.label in known:
                assert values <= known[one.label] | {"svc_.*"}
    assert len(seen) > 10


def said(outcome: str) -> bool:
    """Whether a service has this outcome; `.*` stands for the rest of it."""
    begin = outcome.removesuffix(".*")
    quoted = f'"{begin}' if begin != outcome else f'"{outcome}"'
    return any(quoted in source for source in SOURCES)


def test_every_service_is_missed_when_it_is_gone() -> None:
    """None of the five may go without a word."""
    [gone] = [rule["expr"] for rule in rules() if rule["alert"] == "ParleyServiceGone"]
    assert {one.value for one in matchers(gone)} == {"svc_.*", *(f"svc_{service}" for service in SERVICES)}


def test_calls_that_last_say_nothing_of_latency() -> None:
    """Streams, files and exports, and what a model writes, are in no quantile; all other calls are."""
    for owner, expression in asked():
        for one in matchers(expression):
            if one.metric == "rpc_server_duration_seconds_bucket" and "link" in one.value:
                for service, method in methods():
                    lasts = method.client_streaming or method.server_streaming or ".ai." in path(method)
                    left_out = bool(re.fullmatch(one.value, path(method).lstrip("/")))
                    assert left_out == lasts, f"{owner}: {service} {path(method)}"


def test_streams_that_end_with_their_node_are_no_failed_calls() -> None:
    """The two kinds that last for hours end as UNAVAILABLE in every roll-out: nobody is woken for that."""
    [fails] = [rule["expr"] for rule in rules() if rule["alert"] == "ParleyCallsFail"]
    [left_out] = {one.value for one in matchers(fails) if "link" in one.value}
    found = {path(one).rpartition("/")[2] for _, one in methods() if re.fullmatch(left_out, path(one).lstrip("/"))}
    assert found == {"Connect", "Subscribe", "Link"}


def test_every_alert_says_how_bad_it_is_and_where_to_read_on() -> None:
    """A severity, a summary, and a page that has a row for it: what it means, and what to look at first."""
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))
    for rule in rules():
        assert rule["labels"]["severity"] in {"critical", "warning"}, rule["alert"]
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["runbook"] == "docs/operations.md#alerts"
    rows = {name: (means, do) for name, means, do in ROW.findall(PAGE) if name.startswith("Parley")}
    assert rows.keys() == set(names)
    assert all(len(means) > 20 and len(do) > 20 for means, do in rows.values())


def test_the_page_has_every_metric(exports: Mapping[str, Family]) -> None:
    """One row each, under the name in Prometheus, and none that is not exported."""
    rows = {name for name, _, _ in ROW.findall(PAGE) if not name.startswith("Parley")}
    assert rows == {family.name for family in exports.values()}


def test_thresholds_fit_the_limits_of_the_code() -> None:
    """Half of what may wait, and less than a gateway takes: whoever changes a limit hears of it."""
    by_name = {rule["alert"]: rule for rule in rules()}
    assert by_name["ParleyMessagesWait"]["expr"] == f"log_waiting > {MAX_WAITING // 2}"
    assert f"{MAX_WAITING:,} may" in by_name["ParleyMessagesWait"]["annotations"]["summary"]
    most = ServerSettings().max_connections
    assert by_name["ParleyGatewayFull"]["expr"] == f"gateway_devices > {most * 85 // 100}"
    assert f"takes {most:,}" in by_name["ParleyGatewayFull"]["annotations"]["summary"]


def test_the_dashboard_is_made_of_its_rows() -> None:
    """`python -m k8s dashboard` was run after the last change; no two panels lie on each other."""
    assert dashboard.FILE.read_text(encoding="utf-8") == dashboard.text()
    places = [
        (x, y)
        for panel in dashboard.dashboard()["panels"]
        for at in [panel["gridPos"]]
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(places) == len(set(places))
    assert max(x for x, _ in places) < dashboard.WIDTH


def test_a_cluster_without_the_operator_needs_none_of_its_kinds() -> None:
    """What is applied are two ConfigMaps; the same rules are a PrometheusRule for whoever has that."""
    [kustomization] = documents("monitoring/kustomization.yaml")
    assert [one["files"] for one in kustomization["configMapGenerator"]] == [["alerts.yaml"], ["parley.json"]]
    assert "resources" not in kustomization
    rule = alerts.prometheus_rule()
    assert (rule["kind"], rule["metadata"]["namespace"]) == ("PrometheusRule", kustomization["namespace"])
    assert rule["spec"]["groups"] == alerts.groups()


def test_nodes_are_told_apart() -> None:
    """Each pod says its own name: without it the exporter takes the numbers of all nodes for those of one."""
    [member] = documents("base/member.yaml")
    [container] = member["spec"]["template"]["spec"]["containers"]
    [attributes] = [one["value"] for one in container["env"] if one["name"] == "OTEL_RESOURCE_ATTRIBUTES"]
    assert "service.instance.id=$(POD_NAME)" in attributes.split(",")


def test_the_collector_is_set_as_the_names_need() -> None:
    """The page's configuration is one that a collector reads, with the two settings that make names and labels."""
    [block] = re.findall(r"```yaml\n(receivers:.*?)```", PAGE, re.DOTALL)
    made = yaml.safe_load(block)["exporters"]["prometheus"]
    assert made["resource_to_telemetry_conversion"] == {"enabled": True}
    assert made["add_metric_suffixes"] is True
    assert "namespace" not in made
