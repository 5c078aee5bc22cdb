"""Answers RPCs: any number of plain servicers behind one chain of interceptors.

    server = Server("user", telemetry=telemetry, clock=clock, authenticator=authenticator)
    server.add(UserServicer(...), user_service_pb2.DESCRIPTOR.services_by_name["UserService"])
    addresses = await server.start("0.0.0.0:7001")

Every RPC, unary ones too, is registered with gRPC as one that reads a stream of bytes. On the wire nothing differs,
and here one chain serves all, requests are parsed by our own code, and a unary call without a message is answered.
A single response is returned and not written: it leaves in one batch with the status, which saves 20 µs of CPU a call.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, Self

import grpc

from mesh import access, servicing, validation
from mesh.audit import audited
from mesh.call import Call, Handler, Method
from mesh.interceptors import CallSettings
from mesh.stream import Stream
from mesh.streaming import Streams, handlers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf.descriptor import ServiceDescriptor

    from mesh.clock import Clock
    from mesh.deeds import Audit
    from mesh.stream import Context
    from mesh.telemetry import Telemetry
    from mesh.tokens import Authenticator
    from parley.access.v1 import access_pb2

Option = tuple[str, int]
MAX_PORT: Final = 65_535
GRACE_SECONDS: Final = 5.0

# Set by the edge proxy, which removes what a client sends under this name.
FORWARDED_ADDRESS: Final = "x-envoy-external-address"


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How much of the network a server takes on. `trust_forwarded_address` only behind a proxy of ours.

    With a `connection_age_seconds` of 0 connections last as long as their peers live.
    """

    max_receive_bytes: int = field(default=1024 * 1024 + 64 * 1024, metadata={"least": 1})
    max_connections: int = field(default=20_000, metadata={"least": 1})
    max_streams_per_connection: int = field(default=100, metadata={"least": 1})
    connection_age_seconds: int = 30 * 60
    trust_forwarded_address: bool = False
    calls: CallSettings = field(default_factory=CallSettings)


def options(settings: ServerSettings) -> list[Option]:
    """Return what gRPC is told, each with its reason.

    `grpc.http2.ping_timeout_ms` and `grpc.server.max_pending_requests*` are private names of gRPC's core:
    tests probe that they still have an effect.
    """
    return [
        *_ageing(settings.connection_age_seconds),
        # One client that opens and resets streams costs three times less CPU with this.
        ("grpc.max_concurrent_streams", settings.max_streams_per_connection),
        ("grpc.max_receive_message_length", settings.max_receive_bytes),
        # Refused with RESOURCE_EXHAUSTED: always above the absolute size, at random between the two.
        ("grpc.max_metadata_size", 8_192),
        ("grpc.absolute_max_metadata_size", 16_384),
        # The two limits above bind a client only once it acknowledged them, so it gets 5 s for that instead of 60.
        ("grpc.http2.settings_timeout", 5_000),
        # A peer that vanished is noticed within 45 s. Without the ping timeout a frozen one took 62 s. A ping costs
        # 30 to 90 µs of CPU, and whatever comes puts the next one off: who pings by itself more often is not pinged.
        ("grpc.keepalive_time_ms", 35_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.ping_timeout_ms", 10_000),
        # Without this a server pings after each message that comes when it was quiet, to measure the line, and windows
        # grow by what it finds: half of what a heartbeat costs. They are fixed instead, at what a link writes at most.
        ("grpc.http2.bdp_probe", 0),
        ("grpc.http2.lookahead_bytes", 256 * 1024),
        # By default a mobile client that pings now and then on a quiet stream is cut off with "too many pings".
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        # Someone who connects and says nothing is dropped after 5 s instead of 120.
        ("grpc.server_handshake_timeout_ms", 5_000),
        ("grpc.max_allowed_incoming_connections", settings.max_connections),
        # With the default of 1,000, 11% of 3,000 devices that came at once were turned away.
        ("grpc.server.max_pending_requests", 20_000),
        ("grpc.server.max_pending_requests_hard_limit", 40_000),
        # Two processes on one port by accident would each get half of the calls.
        ("grpc.so_reuseport", 0),
    ]


def _ageing(seconds: int) -> list[Option]:
    """How connections end by themselves.

    The filter that ends them by age or for having no stream costs 3.4 kB for each connection. Where none needs to move,
    pings do: a peer that vanished is noticed though it has no stream, and one that lives keeps its place.
    """
    if not seconds:
        return [("grpc.keepalive_permit_without_calls", 1)]
    # Connections move to new processes in time; the age has jitter, and streams get a minute to end.
    return [
        ("grpc.max_connection_age_ms", seconds * 1_000),
        ("grpc.max_connection_age_grace_ms", 60_000),
        ("grpc.max_connection_idle_ms", 300_000),
    ]


class Server:
    """One gRPC server. Add servicers, then start; it cannot be started twice.

    Without an authenticator only public methods can be called.
    """

    def __init__(
        self,
        name: str,
        *,
        telemetry: Telemetry,
        clock: Clock,
        authenticator: Authenticator | None = None,
        settings: ServerSettings | None = None,
    ) -> None:
        self.name = name
        self._settings = settings or ServerSettings()
        self._methods: dict[str, Method] = {}
        self._services: list[str] = []
        self._validator = validation.compiled()
        self._unary, self._streams = handlers(self._settings.calls, telemetry, authenticator, self._validator, clock)
        self._server: grpc.aio.Server | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.drain(GRACE_SECONDS)

    @property
    def services(self) -> Sequence[str]:
        """The full names of the services that were added."""
        return tuple(self._services)

    def add(
        self,
        servicer: object,
        service: ServiceDescriptor,
        *,
        callers: access_pb2.Callers.ValueType | None = None,
        audit: Audit | None = None,
    ) -> None:
        """Serve `service` with one coroutine of `servicer` per RPC, named as the RPC in snake_case.

            async def log_in(self, request: LogInRequest, caller: Caller) -> LogInResponse
            async def export(self, request: ExportRequest, stream: Stream, caller: Caller) -> None
            async def upload(self, stream: Stream, caller: Caller) -> UploadResponse
            async def connect(self, stream: Stream, caller: Caller) -> None

        `callers` says who may call a foreign service, whose contract cannot. RPCs without a coroutine answer
        UNIMPLEMENTED. Raises TypeError for a public method that is no RPC or takes another request, and for one that is
        kept for administrators when there is no `audit` to write down what they do.
        """
        for served in servicing.methods(servicer, service, callers):
            method = _recorded(served, audit)
            # A rule that does not compile is found now and not by the first caller.
            self._validator.collect_violations(method.request())
            self._methods[method.path] = method
        self._services.append(service.full_name)

    async def start(self, *addresses: str, credentials: grpc.ServerCredentials | None = None) -> list[str]:
        """Listen on `host:port` or `unix:path` and return the same with the ports that port 0 became.

        Raises OSError when an address is taken.
        """
        server = grpc.aio.server(options=options(self._settings))
        server.add_generic_rpc_handlers((_Router(self._methods, self._unary, self._streams, self._settings),))
        bound = [_bind(server, address, credentials) for address in addresses]
        await server.start()
        self._server = server
        return bound

    async def drain(self, grace: float) -> None:
        """Take no more calls, give those inside `grace` seconds to end, then cancel them.

        Open streams are not told by gRPC: tell them in their own protocol before.
        """
        server, self._server = self._server, None
        if server is not None:
            await server.stop(grace)


def _recorded(method: Method, audit: Audit | None) -> Method:
    """What administrators call is written down first; nothing that they call is served otherwise."""
    if method.callers != access.ADMIN or method.function is None:
        return method
    if audit is None or method.streaming:
        raise TypeError(f"{method.path} is for administrators: it needs an audit, and cannot be a stream")
    return audited(method, audit)


def _bind(server: grpc.aio.Server, address: str, credentials: grpc.ServerCredentials | None) -> str:
    try:
        _check_free(address)
        if credentials is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, credentials)
    except (OSError, RuntimeError) as error:
        raise OSError(f"cannot listen on {address}: {getattr(error, 'strerror', None) or error}") from error
    return address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}"


def _check_free(address: str) -> None:
    """Raise OSError when the address is none, or is taken: gRPC would print lines of its own about it first."""
    if address.startswith("unix:"):
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or int(port) > MAX_PORT:
        raise OSError("not host:port")
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICSERV)
    family, kind, protocol, _, where = found[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(where)


class _Router(grpc.GenericRpcHandler):
    """Path -> handler, by exact match only: what is not in the table gRPC answers with UNIMPLEMENTED."""

    def __init__(self, methods: dict[str, Method], unary: Handler, streams: Streams, settings: ServerSettings) -> None:
        self._settings = settings
        self._unary = unary
        self._streams = streams
        self._handlers = {path: self._rpc(method) for path, method in methods.items()}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        return self._handlers.get(handler_call_details.method)

    def _rpc(self, method: Method) -> grpc.RpcMethodHandler[bytes, bytes]:
        # A link between services may be quiet from its first moment; a device must say who it is.
        patience = None if method.callers == access.SERVICE else self._settings.calls.first_message_seconds

        def opened(context: Context) -> Call:
            stream = Stream(context, first_message_seconds=patience)
            return Call(method, stream, self._address(stream))

        async def serve(_: object, context: Context) -> bytes:
            call = opened(context)
            await self._unary(call)
            return call.response

        kind = (
            grpc.stream_stream_rpc_method_handler if method.server_streaming else grpc.stream_unary_rpc_method_handler
        )
        return kind(partial(self._streams.serve, opened) if method.streaming else serve)

    def _address(self, stream: Stream) -> str:
        if self._settings.trust_forwarded_address:
            forwarded = stream.headers(FORWARDED_ADDRESS)
            if len(forwarded) == 1:
                return forwarded[0][:45]
        return host_of(stream.peer)


def host_of(peer: str) -> str:
    """Return the address in gRPC's name for a peer: `ipv4:10.0.0.1:5000`, `ipv6:%5B::1%5D:5000`, `unix:`."""
    kind, _, rest = peer.partition(":")
    if kind == "unix":
        return "unix"
    return rest.rpartition(":")[0].replace("%5B", "").replace("%5D", "").strip("[]")
