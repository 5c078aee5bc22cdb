"""Mistakes that a check must notice: each is made in a copy of the real manifests, and must be refused."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from k8s.manifests import Document, of_kind, pods


@dataclass(frozen=True, slots=True)
class Mistake:
    """`make` spoils the document of `kind` and `name`; `answer` is part of what the server then says."""

    title: str
    kind: str
    name: str
    make: Callable[[Any], None]
    answer: str


def planted(mistake: Mistake, documents: Sequence[Document]) -> Document:
    """A copy of one of the documents, with the mistake in it."""
    candidates = pods(documents) if mistake.kind == "Pod" else of_kind(documents, mistake.kind)
    document = copy.deepcopy(next(one for one in candidates if one["metadata"]["name"] == mistake.name))
    mistake.make(document)
    return document


def _set(*path: str | int, to: object) -> Callable[[Any], None]:
    def make(document: Any) -> None:
        for step in path[:-1]:
            document = document[step]
        document[path[-1]] = to

    return make


_TEMPLATE: Final = ("spec", "template", "spec")
_CONTAINER: Final = (*_TEMPLATE, "containers", 0)
_RESTRICTED: Final = 'violates PodSecurity "restricted'

MISTAKES: Final = (
    Mistake("a wrong type", "Deployment", "user", _set("spec", "replicas", to="two"), "expected numeric"),
    Mistake(
        "an unknown field", "Deployment", "user", _set(*_CONTAINER, "livenesProbe", to={}), "not declared in schema"
    ),
    Mistake(
        "a floor above the ceiling",
        "HorizontalPodAutoscaler",
        "gateway",
        _set("spec", "minReplicas", to=100),
        "must be greater than or equal to `minReplicas`",
    ),
    Mistake(
        "a selector that finds other pods",
        "Deployment",
        "message",
        _set("spec", "selector", "matchLabels", to={"app.kubernetes.io/name": "massage"}),
        "`selector` does not match template `labels`",
    ),
    Mistake(
        "requests above limits",
        "Deployment",
        "group",
        _set(*_CONTAINER, "resources", "requests", "memory", to="8Gi"),
        "must be less than or equal to memory limit",
    ),
    Mistake(
        "a volume that is mounted and not there",
        "Deployment",
        "ai",
        _set(*_TEMPLATE, "volumes", to=[]),
        "Not found",
    ),
    Mistake(
        "two budgets in one",
        "PodDisruptionBudget",
        "user",
        _set("spec", "minAvailable", to=1),
        "cannot be both set",
    ),
    Mistake(
        "a port that is none",
        "NetworkPolicy",
        "gateway",
        _set("spec", "ingress", 0, "ports", 0, "port", to=77000),
        "must be between 1 and 65535",
    ),
    Mistake(
        "a privileged pod",
        "Pod",
        "user-0",
        _set("spec", "containers", 0, "securityContext", "privileged", to=True),
        "privileged",
    ),
    Mistake(
        "a pod that may run as root",
        "Pod",
        "edge-0",
        _set("spec", "securityContext", "runAsNonRoot", to=False),
        _RESTRICTED,
    ),
    Mistake(
        "a pod with all capabilities",
        "Pod",
        "mongo-0",
        _set("spec", "containers", 0, "securityContext", "capabilities", to={}),
        _RESTRICTED,
    ),
    Mistake(
        "a pod with the host's network",
        "Pod",
        "gateway-0",
        _set("spec", "hostNetwork", to=True),
        _RESTRICTED,
    ),
)
