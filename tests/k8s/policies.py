"""What the network policies let through."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

K8S: Final = Path(__file__).parents[2] / "k8s"
NAME: Final = "app.kubernetes.io/name"
WORLD: Final = "the world"
EVERYONE: Final = "everyone"
RECEIVER: Final = "parley/receiver"
"""Label of programs of the installation that message nodes call."""


@dataclass(frozen=True, slots=True, order=True)
class Flow:
    """A connection that a policy allows."""

    source: str
    target: str
    port: int


@cache
def documents(*patterns: str) -> list[Any]:
    """The documents of the files below k8s/ that match."""
    files = sorted(file for pattern in patterns for file in K8S.glob(pattern))
    assert files, f"no file matches {patterns}"
    return [one for file in files for one in yaml.safe_load_all(file.read_text(encoding="utf-8"))]


def policies(found: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The network policies among documents."""
    return [one for one in found if one["kind"] == "NetworkPolicy"]


def leaving(found: Iterable[Mapping[str, Any]]) -> set[Flow]:
    """What pods may open."""
    rules = ((one, rule) for one in policies(found) for rule in one["spec"].get("egress", ()))
    return {
        Flow(source, target, port)
        for policy, rule in rules
        for source in _names(policy["spec"]["podSelector"])
        for target in _peers(rule.get("to"))
        for port in _ports(rule)
    }


def entering(found: Iterable[Mapping[str, Any]]) -> set[Flow]:
    """What pods let in."""
    rules = ((one, rule) for one in policies(found) for rule in one["spec"].get("ingress", ()))
    return {
        Flow(source, target, port)
        for policy, rule in rules
        for target in _names(policy["spec"]["podSelector"])
        for source in _peers(rule.get("from"))
        for port in _ports(rule)
    }


def _peers(peers: Sequence[Mapping[str, Any]] | None) -> Iterator[str]:
    """No list of peers is everywhere, inside the cluster and out."""
    if not peers:
        yield WORLD
    for peer in peers or ():
        assert "ipBlock" not in peer, "addresses are for an installation to name, in an overlay of its own"
        yield from _names(peer.get("podSelector", {}))


def _names(selector: Mapping[str, Any]) -> Sequence[str]:
    if selector.get("matchExpressions"):
        [one] = selector["matchExpressions"]
        assert (one["key"], one["operator"]) == (NAME, "In")
        return tuple(one["values"])
    labels = selector.get("matchLabels", {})
    if labels == {RECEIVER: "true"}:
        return (RECEIVER,)
    return (str(labels.get(NAME) or labels.get("k8s-app") or EVERYONE),)


def _ports(rule: Mapping[str, Any]) -> Sequence[int]:
    """No list of ports is every port: 0."""
    return tuple(int(one["port"]) for one in rule.get("ports", ())) or (0,)
