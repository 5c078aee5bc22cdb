"""Answers RPCs: any number of plain servicers behind one chain of interceptors.

    server = Server("user", telemetry=telemetry, clock=clock, authenticator=authenticator)
    server.add(UserServicer(...), user_service_pb2.DESCRIPTOR.services_by_name["UserService"])
    addresses = await server.start("0.0.0.0:7001")

Every RPC, unary ones too, is served as one that reads a stream of bytes: one chain serves all, and requests are parsed
by our own code.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from mesh import access, errors, servicing, validation
from mesh.audit import audited
from mesh.call import Call, Handler, Method
from mesh.errors import Code, Reason
from mesh.http2.listener import Listener
from mesh.http2.owner import Limits
from mesh.interceptors import CallSettings
from mesh.stream import Stream, StreamClosed
from mesh.streaming import handlers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf.descriptor import ServiceDescriptor

    from mesh.clock import Clock
    from mesh.deeds import Audit
    from mesh.http2.exchange import Exchange
    from mesh.telemetry import Telemetry
    from mesh.tokens import Authenticator
    from parley.access.v1 import access_pb2

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

    @property
    def limits(self) -> Limits:
        """What the transport is told."""
        return Limits(
            max_message=self.max_receive_bytes,
            max_connections=self.max_connections,
            max_streams=self.max_streams_per_connection,
            age_s=self.connection_age_seconds,
        )


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
        self._listener: Listener | None = None

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

    async def start(self, *addresses: str) -> list[str]:
        """Listen on `host:port` or `unix:path` and return the same with the ports that port 0 became.

        Raises OSError when an address is taken.
        """
        router = Router(self._methods, self._unary, self._streams.serve, self._settings)
        self._listener = Listener(router.serve, self._settings.limits)
        return [await self._listener.listen(address) for address in addresses]

    async def drain(self, grace: float) -> None:
        """Take no more calls, give those inside `grace` seconds to end, then cancel them.

        Open streams are not told by gRPC: tell them in their own protocol before.
        """
        listener, self._listener = self._listener, None
        if listener is not None:
            await listener.drain(grace)


def _recorded(method: Method, audit: Audit | None) -> Method:
    """What administrators call is written down first; nothing that they call is served otherwise."""
    if method.callers != access.ADMIN or method.function is None:
        return method
    if audit is None or method.streaming:
        raise TypeError(f"{method.path} is for administrators: it needs an audit, and cannot be a stream")
    return audited(method, audit)


class Router:
    """Path -> method, by exact match only. The coroutine of `serve` stays for as long as the RPC lasts."""

    def __init__(self, methods: dict[str, Method], unary: Handler, streams: Handler, settings: ServerSettings) -> None:
        self._methods = methods
        self._unary = unary
        self._streams = streams
        self._settings = settings

    async def serve(self, exchange: Exchange) -> None:
        """Serve one RPC to its end."""
        method = self._methods.get(exchange.request.path)
        stream = Stream(exchange, first_message_seconds=self._patience(method))
        if method is None:
            stream.fail(errors.unimplemented(Reason.NOT_YET_AVAILABLE, "this server has no such method"))
        else:
            call = Call(method, stream, self._address(stream))
            await (self._streams if method.streaming else self._unary)(call)
            if call.code is Code.OK and not method.server_streaming:
                with contextlib.suppress(StreamClosed):
                    stream.send(call.response)
        stream.finish()

    def _patience(self, method: Method | None) -> float | None:
        """A link between services may be quiet from its first moment; a device must say who it is."""
        of_services = method is not None and method.callers == access.SERVICE
        return None if of_services else self._settings.calls.first_message_seconds

    def _address(self, stream: Stream) -> str:
        if self._settings.trust_forwarded_address:
            forwarded = stream.headers(FORWARDED_ADDRESS)
            if len(forwarded) == 1:
                return forwarded[0][:45]
        return stream.host
