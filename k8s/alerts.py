"""The alert rules of monitoring/alerts.yaml, as documents."""

from collections.abc import Sequence
from typing import Any, Final

import yaml

from k8s import ROOT
from k8s.manifests import Document

FILE: Final = ROOT / "k8s" / "monitoring" / "alerts.yaml"
NAMESPACE: Final = "observability"


def groups() -> Sequence[dict[str, Any]]:
    """The groups of rules, as Prometheus reads them."""
    found: Sequence[dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["groups"]
    return found


def prometheus_rule() -> Document:
    """The same rules as the operator of Prometheus reads them."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "parley", "namespace": NAMESPACE, "labels": {"app.kubernetes.io/part-of": "parley"}},
        "spec": {"groups": list(groups())},
    }
