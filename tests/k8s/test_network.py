"""The network lets through what the contracts and the code need, and nothing else."""

import dataclasses
from importlib import import_module

from mesh.backends import BackendSettings
from standalone.app import SERVICES
from tests.k8s.contract import EDGE, edges, methods
from tests.k8s.policies import EVERYONE, WORLD, Flow, documents, entering, leaving, policies

MESH, NAMES = 7700, 53
PARTS = {"etcd": 2379, "redis": 6379, "pulsar": 6650, "mongo": 27017, "minio": 9000}
BEHIND = {"registry_url": "etcd", "broker_url": "pulsar", "kv_url": "redis"}
ALONE = {
    Flow("mongo-replica-set", "mongo", 27017),
    Flow("mongo", "mongo", 27017),
    Flow("pulsar", "pulsar", 6650),
    Flow("pulsar", "pulsar", 8080),
}
"""What the parts behind do among themselves."""

DNS = Flow(EVERYONE, "kube-dns", NAMES)


def between() -> set[Flow]:
    """The flows between the members of the mesh."""
    return {Flow(source, target, MESH) for source, target in edges()}


def behind() -> set[Flow]:
    """The flows to the parts behind: those that every member opens, a store where there is one, and files."""
    pairs = {(service, BEHIND[field.name]) for service in SERVICES for field in dataclasses.fields(BackendSettings)}
    pairs |= {(service, "mongo") for service in SERVICES if has_store(service)}
    pairs |= {(owner, "minio") for owner, method in methods() if method.containing_service.name == "MediaService"}
    return {Flow(service, part, PARTS[part]) for service, part in pairs}


def has_store(service: str) -> bool:
    settings = import_module(f"svc_{service}.app").Settings
    return "store_url" in {field.name for field in dataclasses.fields(settings)}


def test_the_edges_are_those_that_the_design_draws() -> None:
    """What is read from contracts and code is not empty by a mistake in the reading: some edges are known."""
    assert {(EDGE, service) for service in SERVICES} <= edges()
    assert {("gateway", "message"), ("ai", "user"), ("user", "message")} <= edges()
    assert ("message", "gateway") not in edges()


def test_every_edge_may_leave_and_nothing_else() -> None:
    """A member opens connections to whom it calls, to the parts that it uses, and to the names of the cluster."""
    assert leaving(documents("base/network/*.yaml")) == between() | behind() | {DNS}


def test_every_edge_may_enter_and_nothing_else() -> None:
    """A member lets in whom the contract lets call it; devices come to the edge alone."""
    assert entering(documents("base/network/*.yaml")) == between() | {Flow(WORLD, EDGE, 8443)}


def test_the_parts_behind_let_in_those_that_use_them() -> None:
    """Each part has its users, and the two that talk to themselves may."""
    found = documents("backing/*.yaml")
    assert entering(found) == behind() | ALONE
    assert leaving(found) == ALONE | {DNS}


def test_what_is_not_opened_is_closed() -> None:
    """In both namespaces a policy without rules takes in every pod, both ways."""
    for found in (documents("base/network/*.yaml"), documents("backing/*.yaml")):
        [closed] = [one for one in policies(found) if one["metadata"]["name"] == "closed"]
        assert closed["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_an_overlay_opens_nothing_but_the_way_to_the_collector() -> None:
    """Telemetry leaves from the members in production; a trial has no way out."""
    [policy] = policies(documents("overlays/prod/telemetry.yaml"))
    assert policy["spec"]["podSelector"] == {"matchLabels": {"parley/member": "true"}}
    assert leaving([policy]) == {Flow(EVERYONE, "otel-collector", 4317)}
    assert entering([policy]) == set()
    [trial] = documents("overlays/dev/kustomization.yaml")
    assert trial["resources"] == ["../../base", "../../backing"]
