"""Every service is deployed whole, with limits, with the settings that it knows, and with time to drain."""

import asyncio
import dataclasses
import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from k8s.credentials import make
from mesh.backends import BackendSettings, open_backends
from mesh.clock import SystemClock
from mesh.member import MemberSettings
from mesh.process import ProcessSettings
from mesh.settings import load
from standalone.app import SERVICES
from svc_gateway.domain import Limits
from tests.k8s.policies import K8S, NAME, documents

KINDS = {"ServiceAccount", "Deployment", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler"}
WORKLOADS = ("Deployment", "StatefulSet", "Job")
ALL = ("base/*.yaml", "base/edge/edge.yaml", "backing/*.yaml")


def manifests(name: str) -> dict[str, dict[str, Any]]:
    """The documents of one file of base/, by kind."""
    return {one["kind"]: one for one in documents(f"base/{name}.yaml")}


def workloads() -> list[dict[str, Any]]:
    """Every workload that is written here, but for what the members have in common."""
    found = [one for one in documents(*ALL) if one["kind"] in WORKLOADS]
    return [one for one in found if one["metadata"]["name"] != "member"]


def common() -> Mapping[str, Any]:
    """The spec of pods that is laid over every member."""
    spec: Mapping[str, Any] = manifests("member")["Deployment"]["spec"]["template"]["spec"]
    return spec


@pytest.mark.parametrize("service", [*SERVICES, "edge/edge"])
def test_a_service_has_all_that_it_needs(service: str) -> None:
    """An account, pods, a name, a budget for disruptions and an autoscaler, all for the same pods."""
    found, name = manifests(service), service.rpartition("/")[2]
    assert set(found) == KINDS
    labels = {NAME: name}
    assert found["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert found["Service"]["spec"]["selector"] == labels
    assert found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert found["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] == name
    assert found["HorizontalPodAutoscaler"]["spec"]["minReplicas"] >= 2


@pytest.mark.parametrize("service", SERVICES)
def test_what_members_have_in_common_reaches_each(service: str) -> None:
    """The label by which the common part finds its Deployments is on all five; the program is the service's own."""
    deployment = manifests(service)["Deployment"]
    assert deployment["metadata"]["labels"]["parley/member"] == "true"
    assert deployment["spec"]["template"]["metadata"]["labels"]["parley/member"] == "true"
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    assert (container["name"], container["args"]) == ("node", [f"svc_{service}"])
    [kustomization] = documents("base/kustomization.yaml")
    assert kustomization["patches"] == [
        {"path": "member.yaml", "target": {"kind": "Deployment", "labelSelector": "parley/member=true"}}
    ]


def test_no_container_is_without_limits() -> None:
    """CPU and memory, asked for and bounded, in every container; init containers there are none."""
    specs = [one["spec"]["template"]["spec"] for one in workloads()]
    assert len(specs) == len(SERVICES) + 1 + 6
    for spec in specs:
        assert "initContainers" not in spec
        for container in spec["containers"]:
            assert set(container["resources"]["limits"]) == {"cpu", "memory"}
            assert set(container["resources"]["requests"]) == {"cpu", "memory"}


def test_no_pod_has_rights() -> None:
    """No root, no privilege, no token of the API server, none of Kubernetes' own variables, in any pod."""
    others = [one["spec"]["template"]["spec"] for one in workloads() if one["metadata"]["name"] not in SERVICES]
    for spec in (common(), *others):
        assert (spec["automountServiceAccountToken"], spec["enableServiceLinks"]) == (False, False)
        assert (spec["securityContext"]["runAsNonRoot"], spec["securityContext"]["runAsUser"] > 0) == (True, True)
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in spec["containers"]:
            security = container["securityContext"]
            assert (security["allowPrivilegeEscalation"], security["privileged"]) == (False, False)
            assert security["capabilities"] == {"drop": ["ALL"]}


def test_root_is_read_only_but_for_one() -> None:
    """Only Pulsar writes beside its programs."""
    found = [*workloads(), *documents("base/member.yaml")]
    containers = [
        one for each in found for one in each["spec"]["template"]["spec"]["containers"] if "securityContext" in one
    ]
    writable = [one["name"] for one in containers if not one["securityContext"]["readOnlyRootFilesystem"]]
    assert writable == ["pulsar"]


@pytest.mark.parametrize("service", SERVICES)
def test_settings_are_known_to_the_service(service: str, tmp_path: Path) -> None:
    """Every variable that a pod gets is a setting of the code, and what must differ between nodes is set."""
    (tmp_path / "secret").write_text("redis://:secret@host:6379/0", encoding="utf-8")
    env = {
        name: str(tmp_path / "secret") if name.endswith("_FILE") else value
        for name, value in environment(service).items()
    }
    mine = f"PARLEY_{service.upper()}_"
    own = {name: value for name, value in env.items() if name.startswith(mine)}
    rest = {name: value for name, value in env.items() if name.startswith("PARLEY_") and name not in own}
    settings = load(MemberSettings, rest, "PARLEY")
    load(import_module(f"svc_{service}.app").Settings, own, mine.rstrip("_"))
    assert (settings.node, settings.advertise) == ("$(POD_NAME)", "$(POD_IP):7700")
    defaults = {field.name: field.default for field in dataclasses.fields(settings.backends)}
    assert all(getattr(settings.backends, name) != value for name, value in defaults.items())
    assert bool(own) == (service != "gateway")
    asyncio.run(opened(settings.backends))


async def opened(settings: BackendSettings) -> None:
    """Open what the URLs name: nothing connects, and a URL of another form is refused."""
    await open_backends(settings, SystemClock()).aclose()


def environment(service: str) -> dict[str, str]:
    """The variables of a pod in production."""
    files = (K8S / "base" / "settings.env", K8S / "overlays" / "prod" / "settings.env")
    pairs = [line.split("=", 1) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    [shared] = common()["containers"]
    variables = (*shared["env"], *container_of(service).get("env", ()))
    return dict(pairs) | {one["name"]: one.get("value", "") for one in variables}


def container_of(service: str) -> Mapping[str, Any]:
    [container] = manifests(service)["Deployment"]["spec"]["template"]["spec"]["containers"]
    own: Mapping[str, Any] = container
    return own


def secret_files(service: str) -> dict[str, str]:
    """Where secrets are mounted in a pod: path of a folder -> name of the Secret."""
    spec = manifests(service)["Deployment"]["spec"]["template"]["spec"]
    volumes = [*spec["volumes"], *common()["volumes"]]
    names = {one["name"]: one["secret"]["secretName"] for one in volumes if "secret" in one}
    mounts = [*container_of(service).get("volumeMounts", ()), *common()["containers"][0]["volumeMounts"]]
    return {one["mountPath"]: names[one["name"]] for one in mounts if one["name"] in names}


@pytest.mark.parametrize("service", SERVICES)
def test_secrets_are_files_that_are_there(service: str, tmp_path: Path) -> None:
    """No variable holds a secret; each that names a file names one that its Secret is made with."""
    make(tmp_path)
    made = yaml.safe_load((tmp_path / "kustomization.yaml").read_text(encoding="utf-8"))["secretGenerator"]
    keys = {one["name"]: {Path(file.partition("=")[0]).name for file in one["files"]} for one in made}
    named = [Path(value) for name, value in environment(service).items() if name.endswith("_FILE")]
    assert len(named) == {"gateway": 1, "message": 4}.get(service, 2)
    for path in named:
        assert path.name in keys[secret_files(service)[str(path.parent)]]
    assert not re.search(r":[^/@]+@|secretKeyRef", str(environment(service)) + str(container_of(service)))


def test_only_the_user_service_can_sign_access_tokens() -> None:
    """The private key of access tokens is mounted in one service; the others get the public one."""
    mounted = {}
    for service in SERVICES:
        spec = manifests(service)["Deployment"]["spec"]["template"]["spec"]
        [mounted[service]] = [one["secret"]["secretName"] for one in spec["volumes"] if one["name"] == "keys"]
    assert mounted == {service: "keys-user" if service == "user" else "keys-mesh" for service in SERVICES}


def test_a_node_has_time_to_drain() -> None:
    """The kubelet waits longer than the pause before the signal, the drain and the last calls together."""
    pause = common()["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    process = ProcessSettings()
    assert process.drain_seconds > Limits().drain_s
    assert common()["terminationGracePeriodSeconds"] > pause + process.drain_seconds + process.grace_seconds


def test_probes_ask_the_health_service_at_the_port_that_the_node_listens_on() -> None:
    """Startup, readiness and liveness, over gRPC, on the port of the settings and of every Service."""
    [container] = common()["containers"]
    port = int(environment("user")["PARLEY_ADDRESS"].rpartition(":")[2])
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["grpc"] == {"port": port}
    assert [one["containerPort"] for one in container["ports"]] == [port]
    for service in SERVICES:
        [exposed] = manifests(service)["Service"]["spec"]["ports"]
        assert (exposed["port"], manifests(service)["Service"]["spec"]["clusterIP"]) == (port, "None")


def test_gateways_scale_by_a_metric_that_is_exported() -> None:
    """The name that the autoscaler asks for is the one in the code, as Prometheus writes it."""
    [operations] = documents("overlays/prod/devices.yaml")
    name = operations[0]["value"]["pods"]["metric"]["name"]
    source = (K8S.parent / "svc_gateway" / "app.py").read_text(encoding="utf-8")
    assert f'"{name.replace("_", ".")}"' in source
