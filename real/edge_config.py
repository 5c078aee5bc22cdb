"""What Envoy is told, made from the contracts: each RPC that users may call has a route, and nothing else has one."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from google.protobuf.descriptor import MethodDescriptor

from mesh.access import PUBLIC, callers_of
from mesh.keys import verification_keys
from mesh.tokens import ISSUER, USERS
from real.edge_methods import Open, of_users, path_of

Config = dict[str, Any]

UNARY_S: Final = 30
QUIET_S: Final = 500
"""How long a stream may be silent: longer than two heartbeats of a quiet device."""

ORIGINS: Final = r"https?://(localhost|127\.0\.0\.1)(:\d+)?"
"""Web pages that may call: those of this machine."""

BURST, PER_S, FILL_MS = 2_000, 1_000, 100
"""Requests at once and per second, of all callers together; streams count once. The services limit each caller."""

OWN_BURST, OWN_PER_S = 500, 200
"""The same for one connection, so that nobody uses up what is for all."""

PINGS: Final = {"interval": "12s", "timeout": "4s"}
"""To nodes: one that hangs costs its streams so long. Not below 10 s, which nodes take for an attack."""

MAX_CONNECTIONS: Final = 20_000

SESSION_HEADER: Final = "x-parley-session"
"""The session of a token that was confirmed; set here, whatever a caller says."""

KEPT_TOGETHER: Final = {"Subscribe": "gateway-by-session", "Submit": "gateway-by-session"}
"""RPC -> cluster: a browser's frames go up to the gateway that holds its stream, which its session chooses."""


def bootstrap(
    port: int,
    admin_port: int,
    upstreams: Mapping[str, Sequence[int]],
    keys: Path,
    others: Mapping[int, Iterable[Open]] | None = None,
) -> Config:
    """All of it. `others` are more ports, and what may be called there."""
    listens = {port: of_users(), **(others or {})}
    return {
        "admin": {"address": _address(admin_port)},
        "static_resources": {
            "listeners": [_listener(one, keys, methods) for one, methods in listens.items()],
            "clusters": [
                *(_cluster(name, ports) for name, ports in upstreams.items()),
                {**_cluster("gateway-by-session", upstreams["gateway"]), "lb_policy": "MAGLEV"},
            ],
        },
        "overload_manager": {"resource_monitors": [_typed_named(
            "envoy.resource_monitors.global_downstream_max_connections",
            "resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
            max_active_downstream_connections=MAX_CONNECTIONS,
        )]},
    }  # fmt: skip


def _listener(port: int, keys: Path, methods: Iterable[Open]) -> Config:
    return {
        "name": f"edge-{port}",
        "address": _address(port),
        "per_connection_buffer_limit_bytes": 1024 * 1024,
        "filter_chains": [{"filters": [_connections(keys, methods)]}],
    }


def _connections(keys: Path, methods: Iterable[Open]) -> Config:
    """How a connection may behave: bounds against HTTP/2 abuse, and nothing ambiguous in a path or a header."""
    return _typed_named(
        "envoy.filters.network.http_connection_manager",
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="edge",
        codec_type="AUTO",
        use_remote_address=True,
        normalize_path=True,
        path_with_escaped_slashes_action="REJECT_REQUEST",
        # Nobody is inside: such a caller would be believed where he says that he calls from. An empty list means
        # private addresses and loopback.
        internal_address_config={"cidr_ranges": [{"address_prefix": "255.255.255.255", "prefix_len": 32}]},
        request_headers_timeout="5s",
        stream_idle_timeout=f"{QUIET_S}s",
        max_request_headers_kb=16,
        common_http_protocol_options={
            "idle_timeout": "3600s",
            "max_headers_count": 64,
            "headers_with_underscores_action": "REJECT_REQUEST",
        },
        http2_protocol_options={
            "max_concurrent_streams": 100,
            "initial_stream_window_size": 64 * 1024,
            "initial_connection_window_size": 1024 * 1024,
            "connection_keepalive": {"interval": "30s", "timeout": "10s"},
        },
        route_config={"name": "contracts", "virtual_hosts": [_host(methods)]},
        http_filters=_filters(keys),
    )


def _host(methods: Iterable[Open]) -> Config:
    policy = _typed(
        "filters.http.cors.v3.CorsPolicy",
        allow_origin_string_match=[{"safe_regex": {"regex": ORIGINS}}],
        allow_methods="POST, OPTIONS",
        allow_headers="content-type,x-grpc-web,x-user-agent,authorization,grpc-timeout",
        expose_headers="grpc-status,grpc-message,grpc-status-details-bin",
        max_age="86400",
    )
    routes = [_route(service, method) for service, method in methods]
    return {
        "name": "all",
        "domains": ["*"],
        "routes": routes,
        "retry_policy": {
            "retry_on": "connect-failure",
            "num_retries": 2,
            "retry_host_predicate": [
                {
                    "name": "envoy.retry_host_predicates.previous_hosts",
                    "typed_config": _typed("retry.host.previous_hosts.v3.PreviousHostsPredicate"),
                }
            ],
            "host_selection_retry_max_attempts": 3,
        },
        "typed_per_filter_config": {"envoy.filters.http.cors": policy},
    }


def _route(service: str, method: MethodDescriptor) -> Config:
    """A stream lives for as long as it is not silent; a call has half a minute. Only what did not reach a node goes to
    another one: clients know what may be sent twice.
    """
    lasts = method.client_streaming or method.server_streaming
    limits: Config = {"timeout": "0s", "idle_timeout": f"{QUIET_S}s"} if lasts else {"timeout": f"{UNARY_S}s"}
    if not lasts:
        limits["max_stream_duration"] = {"grpc_timeout_header_max": f"{UNARY_S}s"}
    if method.name in KEPT_TOGETHER:
        limits["hash_policy"] = [{"header": {"header_name": SESSION_HEADER}}]
    cluster = KEPT_TOGETHER.get(method.name, service)
    return {"match": {"path": path_of(method)}, "route": {"cluster": cluster, **limits}}


def _filters(keys: Path) -> list[Config]:
    return [
        _typed_named("envoy.filters.http.grpc_web", "filters.http.grpc_web.v3.GrpcWeb"),
        _typed_named("envoy.filters.http.cors", "filters.http.cors.v3.Cors"),
        _rate("own", OWN_BURST, OWN_PER_S, of_each_connection=True),
        _rate("all", BURST, PER_S, of_each_connection=False),
        _typed_named("envoy.filters.http.jwt_authn", "filters.http.jwt_authn.v3.JwtAuthentication", **_tokens(keys)),
        _typed_named("envoy.filters.http.router", "filters.http.router.v3.Router"),
    ]


def _rate(name: str, burst: int, per_s: int, *, of_each_connection: bool) -> Config:
    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    fill = {"tokens_per_fill": per_s * FILL_MS // 1_000, "fill_interval": f"{FILL_MS / 1_000}s"}
    return _typed_named(
        f"envoy.filters.http.local_ratelimit.{name}",
        "filters.http.local_ratelimit.v3.LocalRateLimit",
        stat_prefix=name,
        token_bucket={"max_tokens": burst, **fill},
        filter_enabled=always,
        filter_enforced=always,
        rate_limited_as_resource_exhausted=True,
        local_rate_limit_per_downstream_connection=of_each_connection,
    )


def _tokens(keys: Path) -> Config:
    """Who is not logged in never reaches a service, but for what the contracts leave open to everybody."""
    provider = {
        "issuer": ISSUER,
        "audiences": [USERS],
        "forward": True,
        "claim_to_headers": [{"header_name": SESSION_HEADER, "claim_name": "sid"}],
        "local_jwks": {"inline_string": json.dumps({"keys": _jwks(keys)})},
    }
    return {
        "providers": {"parley": provider},
        "rules": [*_public_rules(), {"match": {"prefix": "/"}, "requires": {"provider_name": "parley"}}],
    }


def _public_rules() -> Iterator[Config]:
    """What needs no token. Where one that comes chooses the node, it is confirmed."""
    may: Config = {"requires_any": {"requirements": [{"provider_name": "parley"}, {"allow_missing": {}}]}}
    for _, method in of_users():
        if callers_of(method) == PUBLIC:
            requires = {"requires": may} if method.name in KEPT_TOGETHER else {}
            yield {"match": {"path": path_of(method)}, **requires}


def _jwks(keys: Path) -> list[Config]:
    return [
        {
            "kty": "OKP",
            "crv": "Ed25519",
            "alg": "EdDSA",
            "kid": key_id,
            "x": urlsafe_b64encode(key.key.public_bytes_raw()).rstrip(b"=").decode(),
        }
        for key_id, key in verification_keys(keys).items()
        if key.audience == USERS
    ]


def _cluster(name: str, ports: Sequence[int]) -> Config:
    """The nodes of a service: those that fail are left out for a while, and too many calls are not queued up."""
    options = _typed(
        "upstreams.http.v3.HttpProtocolOptions",
        explicit_http_config={"http2_protocol_options": {"connection_keepalive": PINGS}},
    )
    endpoints = [{"endpoint": {"address": _address(port)}} for port in ports]
    return {
        "name": name,
        "type": "STATIC",
        "lb_policy": "LEAST_REQUEST",
        # A node that is not there, or says that it does not serve, gets nothing, however few are left.
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "connect_timeout": "1s",
        "per_connection_buffer_limit_bytes": 1024 * 1024,
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options},
        "circuit_breakers": {
            "thresholds": [
                {
                    "max_connections": 1_000,
                    "max_requests": 100_000,
                    "max_pending_requests": 1_000,
                    "max_retries": 1_000,
                }
            ]
        },
        "outlier_detection": {
            "consecutive_5xx": 5,
            "interval": "5s",
            "base_ejection_time": "10s",
            "max_ejection_percent": 50,
        },
        "health_checks": [
            {
                "timeout": "1s",
                "interval": "2s",
                "unhealthy_threshold": 2,
                "healthy_threshold": 1,
                "grpc_health_check": {},
            }
        ],
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
    }


def _address(port: int) -> Config:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _typed(kind: str, **fields: Any) -> Config:
    return {"@type": f"type.googleapis.com/envoy.extensions.{kind}", **fields}


def _typed_named(name: str, kind: str, **fields: Any) -> Config:
    return {"name": name, "typed_config": _typed(kind, **fields)}
