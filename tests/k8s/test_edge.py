"""The edge opens what the contract opens, each RPC to its owner, and asks for a token wherever the contract does."""

from collections.abc import Mapping
from typing import Any

from mesh import access
from svc_gateway.domain import Limits
from tests.k8s.contract import OPEN, methods, path
from tests.k8s.policies import documents

BY_SESSION = "-by-session"
"""Ends the name of a cluster of the same nodes, of which the session of a token chooses one."""


def manager() -> Mapping[str, Any]:
    """The connection manager of the listener for devices."""
    [envoy] = documents("base/edge/envoy.yaml")
    [listener] = [one for one in envoy["static_resources"]["listeners"] if one["name"] == "devices"]
    config: Mapping[str, Any] = listener["filter_chains"][0]["filters"][0]["typed_config"]
    return config


def filter_of(name: str) -> Mapping[str, Any]:
    """The settings of one filter."""
    [config] = [one["typed_config"] for one in manager()["http_filters"] if one["name"] == f"envoy.filters.http.{name}"]
    return dict(config)


def owner(rpc: str) -> str | None:
    """The cluster that a path is routed to, by the first route that matches, as Envoy does; None when to nobody."""
    [host] = manager()["route_config"]["virtual_hosts"]
    found: dict[str, Any] = next((one for one in host["routes"] if matches(one["match"], rpc)), {})
    cluster: str | None = found.get("route", {}).get("cluster")
    return None if cluster is None else cluster.removesuffix(BY_SESSION)


def matches(match: Mapping[str, str], rpc: str) -> bool:
    return match["path"] == rpc if "path" in match else rpc.startswith(match["prefix"])


def needs_token(rpc: str) -> bool:
    """Whether the first rule that matches asks for one."""
    [rule] = [one for one in filter_of("jwt_authn")["rules"] if matches(one["match"], rpc)][:1]
    return "requires" in rule and "allow_missing" not in str(rule["requires"])


def test_every_rpc_goes_to_its_owner_or_nowhere() -> None:
    """What users and the public may call reaches the service that serves it; what is for services does not pass."""
    for service, method in methods():
        expected = service if access.callers_of(method) in OPEN else None
        assert owner(path(method)) == expected, path(method)


def test_nothing_but_the_contract_passes() -> None:
    """Health, reflection and what nobody knows are not there."""
    for rpc in ("/grpc.health.v1.Health/Check", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "/", "/x"):
        assert owner(rpc) is None


def test_a_token_is_asked_for_wherever_the_contract_does() -> None:
    """Only what the contract calls public passes without one."""
    for _, method in methods():
        assert needs_token(path(method)) == (access.callers_of(method) != access.PUBLIC), path(method)
    assert needs_token("/anything/else")


def test_preflights_of_strangers_go_nowhere() -> None:
    """CORS comes first and answers for origins that are named in full; what it passes on needs a token as all else."""
    names = [one["name"].rpartition(".")[2] for one in manager()["http_filters"]]
    assert names == ["cors", "grpc_web", "local_ratelimit", "jwt_authn", "router"]
    assert not filter_of("jwt_authn").get("bypass_cors_preflight")
    [host] = manager()["route_config"]["virtual_hosts"]
    origins = host["typed_per_filter_config"]["envoy.filters.http.cors"]["allow_origin_string_match"]
    assert origins
    assert all(set(one) == {"exact"} and one["exact"].startswith("https://") for one in origins)


def test_a_browser_has_one_gateway() -> None:
    """Both ways of a browser are hashed by the session of its confirmed token, which no caller can name himself."""
    [host] = manager()["route_config"]["virtual_hosts"]
    chosen = {one["match"]["path"].rpartition("/")[2]: one["route"] for one in host["routes"] if BY_SESSION in str(one)}
    assert set(chosen) == {"Subscribe", "Submit"}
    [header] = {one["header"]["header_name"] for route in chosen.values() for one in route["hash_policy"]}
    provider = filter_of("jwt_authn")["providers"]["parley"]
    assert provider["claim_to_headers"] == [{"header_name": header, "claim_name": "sid"}]


def test_the_edge_repeats_only_what_reached_no_node() -> None:
    """A call goes to another node where the first could not be reached, and never when it may have been heard."""
    [host] = manager()["route_config"]["virtual_hosts"]
    assert host["retry_policy"]["retry_on"] == "connect-failure"
    assert not [route for route in host["routes"] if "retry_policy" in str(route)]


def test_streams_outlive_two_heartbeats_and_no_more() -> None:
    """A quiet stream is kept for as long as a device may be quiet, and calls end with the server's longest deadline."""
    [host] = manager()["route_config"]["virtual_hosts"]
    routes = [one["route"] for one in host["routes"] if "route" in one]
    streams = [one for one in routes if "idle_timeout" in one]
    assert [(one["timeout"], one["idle_timeout"]) for one in streams] == [("0s", "120s"), ("0s", "900s")]
    assert {one["timeout"] for one in routes if one not in streams} == {"65s"}
    limits = Limits()
    assert 2 * limits.heartbeat_s < 120 < 3 * limits.heartbeat_s
    assert 2 * limits.quiet_interval_s < 900 < 3 * limits.quiet_interval_s


def test_a_device_that_is_gone_is_noticed_within_45_s() -> None:
    """The edge pings devices as the gateway pings those that come to it directly: pings do not go through a proxy."""
    pings = manager()["http2_protocol_options"]["connection_keepalive"]
    assert int(pings["interval"].rstrip("s")) + int(pings["timeout"].rstrip("s")) <= 45


def test_a_renewed_certificate_needs_no_restart() -> None:
    """The listener reads it from a file that watches the folder in which the Secret is mounted."""
    [envoy] = documents("base/edge/envoy.yaml")
    [listener] = [one for one in envoy["static_resources"]["listeners"] if one["name"] == "devices"]
    tls = listener["filter_chains"][0]["transport_socket"]["typed_config"]["common_tls_context"]
    assert "tls_certificates" not in tls
    [source] = tls["tls_certificate_sds_secret_configs"]
    [told] = documents("base/edge/certificate.yaml")
    [secret] = told["resources"]
    files, folder = secret["tls_certificate"], secret["tls_certificate"]["watched_directory"]["path"]
    assert source["sds_config"]["path_config_source"]["path"].endswith("/certificate.yaml")
    assert source["name"] == secret["name"]
    assert {files[part]["filename"].rpartition("/")[0] for part in ("certificate_chain", "private_key")} == {folder}
    mounts = [mount["mountPath"] for one in documents("base/edge/edge.yaml") for mount in mounts_of(one)]
    assert folder in mounts


def mounts_of(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What the containers of a Deployment mount."""
    pod = document["spec"].get("template", {}).get("spec", {}) if document["kind"] == "Deployment" else {}
    return [mount for container in pod.get("containers", []) for mount in container.get("volumeMounts", [])]
