"""Alerts fire for what they are for, and for nothing else: judged by promtool where it is installed."""

import subprocess
from pathlib import Path

import pytest
import yaml

from k8s import alerts
from tests.k8s.alert_cases import CASES
from tests.real.program import find

PROMTOOL = find("promtool")
installed = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")

DISK = {
    "eval_time": "40m",
    "alertname": "ParleyDiskFull",
    "exp_alerts": [
        {
            "exp_labels": {
                "severity": "critical",
                "service": "message",
                "service_name": "svc_message",
                "service_instance_id": "message-1",
            },
            "exp_annotations": {
                "summary": "5% of the disk of message is free",
                "runbook": "docs/operations.md#alerts",
            },
        }
    ],
}
"""What an operator reads of one of them."""


def promtool(*words: str | Path) -> str:
    """Run it; what it says when something is wrong, else nothing."""
    done = subprocess.run([str(PROMTOOL), *words], capture_output=True, text=True, check=False, timeout=60)
    return done.stdout + done.stderr if done.returncode else ""


def test_every_alert_has_a_case_in_which_it_fires() -> None:
    """Whoever adds an alert shows it, and there is no case for one that is gone."""
    names = {rule["alert"] for group in alerts.groups() for rule in group["rules"]}
    assert {alert for case in CASES for alert in case.fires} == names
    assert any(not case.fires for case in CASES)


@installed
def test_promtool_takes_the_rules() -> None:
    """Expressions, durations and the templates of summaries are what Prometheus understands."""
    assert promtool("check", "rules", alerts.FILE) == ""


@installed
def test_each_case_fires_its_alerts_and_no_others(tmp_path: Path) -> None:
    """An hour of a mesh that is well, with one thing that goes wrong in it, minute by minute."""
    assert promtool("test", "rules", written(tmp_path, [case.test() for case in CASES])) == ""


@installed
def test_a_summary_is_filled_in(tmp_path: Path) -> None:
    """An operator reads which store it is, and a share as a share."""
    [disk] = [case.test() for case in CASES if case.name == "ParleyDiskFull"]
    assert promtool("test", "rules", written(tmp_path, [disk | {"alert_rule_test": [DISK]}])) == ""


@installed
def test_an_alert_that_does_not_fire_is_noticed(tmp_path: Path) -> None:
    """A case that expects an alert of a mesh that is well fails: what is judged here is really judged."""
    [calm] = [case.test() for case in CASES if case.name == "all is well"]
    calm["promql_expr_test"][0]["exp_samples"] = [{"labels": '{alertname="ParleyDiskFull"}', "value": 1}]
    assert "ParleyDiskFull" in promtool("test", "rules", written(tmp_path, [calm]))


def written(folder: Path, tests: list[dict[str, object]]) -> Path:
    """The tests as a file."""
    file = folder / "alerts.test.yaml"
    whole = {"rule_files": [str(alerts.FILE)], "evaluation_interval": "1m", "tests": tests}
    file.write_text(yaml.safe_dump(whole, sort_keys=False), encoding="utf-8")
    return file
