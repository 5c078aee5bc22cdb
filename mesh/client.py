"""Calls to other services: found by discovery, balanced, with a deadline, a token, and retries where they do no harm.

    directory = channels.stub(UserDirectoryServiceStub, "user")
    profiles = await directory.GetProfiles(GetProfilesRequest(user_ids=ids))

Errors arrive as MeshError, the same that the other service raised.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar, cast

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool

from mesh import errors, status
from mesh.breaker import Breaker
from mesh.caller import call_deadline
from mesh.clock import Clock
from mesh.errors import Code, MeshError
from mesh.registry import Node, Registry

S = TypeVar("S")

TIMEOUT_S: Final = 5.0
"""Deadline of a call that is made on nobody's behalf."""

MARGIN_S: Final = 0.05
"""How much earlier a call ends than the one that it serves, so that there is time to answer."""

MAX_ATTEMPTS: Final = 3
BACKOFF_S: Final = 0.05

SILENCE: Final = frozenset({Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED})
"""Codes that say that the other side did not answer; all others are answers."""

OPTIONS: Final = (
    # One subchannel pool a channel: a closed channel takes its connections with it.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}]}'),
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),
    # Our own retries know what is idempotent; gRPC's transparent ones buffer each call.
    ("grpc.enable_retries", 0),
)

Token = Callable[[], str]


class Channels:
    """The channels of one process to the services of the mesh. Closes what it opened."""

    def __init__(self, registry: Registry, token: Token, clock: Clock) -> None:
        self._registry = registry
        self._token = token
        self._clock = clock
        self._services: dict[str, _Service] = {}

    def stub(self, stub: Callable[[Any], S], service: str) -> S:
        """A generated async stub whose unary calls go to this service."""
        if service not in self._services:
            self._services[service] = _Service(service, self._registry, self._token, self._clock)
        return stub(self._services[service])

    async def close(self) -> None:
        """Close all channels; calls in flight fail."""
        for service in self._services.values():
            await service.close()


class _Service:
    """What a generated stub takes for a channel: one service of the mesh."""

    def __init__(self, name: str, registry: Registry, token: Token, clock: Clock) -> None:
        self.name = name
        self.clock = clock
        self.breaker = Breaker(name, clock)
        self._registry = registry
        self._token = token
        self._nodes: Sequence[Node] = ()
        self._channel: grpc.aio.Channel | None = None
        self._watch: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    def unary_unary(
        self,
        method: str,
        request_serializer: Any = None,
        response_deserializer: Any = None,
        _registered_method: bool | None = None,  # noqa: FBT001 - gRPC's signature
    ) -> "_Method":
        return _Method(self, method, request_serializer, response_deserializer)

    def unary_stream(self, *_: Any, **__: Any) -> None:
        """Streams between services are links, not calls."""

    stream_unary = unary_stream
    stream_stream = unary_stream

    def metadata(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self._token()}"),)

    def channel(self) -> grpc.aio.Channel:
        """The channel to the nodes that are there now. UNAVAILABLE when none ever was."""
        if self._watch is None:
            self._watch = asyncio.create_task(self._follow())
        nodes = self._registry.nodes(self.name)
        if nodes and nodes != self._nodes:
            self._replace(nodes)
        if self._channel is None:
            raise errors.unavailable("SERVICE_UNAVAILABLE", f"no {self.name} service is there", retry_after=0.2)
        return self._channel

    async def close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        if self._channel is not None:
            await self._channel.close()
        await asyncio.gather(*self._closing)

    async def _follow(self) -> None:
        """Keep the registry's list of this service fresh."""
        async for nodes in self._registry.watch(self.name):
            if nodes and nodes != self._nodes:
                self._replace(nodes)

    def _replace(self, nodes: Sequence[Node]) -> None:
        """The list of a channel is fixed: make a new one, and close the old one when its calls have ended."""
        old, self._channel = self._channel, grpc.aio.insecure_channel(_target(nodes), options=OPTIONS)
        self._nodes = nodes
        if old is not None:
            task = asyncio.create_task(old.close(grace=TIMEOUT_S))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


class _Method:
    """One unary RPC of a service."""

    def __init__(self, service: _Service, path: str, serialize: Any, parse: Any) -> None:
        self._service = service
        self._path = path
        self._serialize = serialize
        self._parse = parse
        self._attempts = MAX_ATTEMPTS if _idempotent(path) else 1

    async def __call__(self, request: Any, *, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - gRPC's name
        ends = _deadline(timeout)
        for attempt in range(1, self._attempts + 1):
            try:
                return await self._once(request, ends)
            except MeshError as error:
                if error.code is not Code.UNAVAILABLE or attempt == self._attempts:
                    raise
            await self._service.clock.sleep(random.uniform(0, BACKOFF_S * 2**attempt))  # noqa: S311 - jitter
        raise AssertionError

    async def _once(self, request: Any, ends: float) -> Any:
        remaining = ends - asyncio.get_running_loop().time()
        if remaining <= 0:
            raise errors.deadline(errors.Reason.DEADLINE_EXCEEDED, "no time is left for this call")
        breaker = self._service.breaker
        breaker.enter()
        try:
            answer = await self._call(request, remaining)
        except MeshError as error:
            (breaker.failed if error.code in SILENCE else breaker.succeeded)()
            raise
        except BaseException:
            breaker.gave_up()
            raise
        breaker.succeeded()
        return answer

    async def _call(self, request: Any, timeout: float) -> Any:  # noqa: ASYNC109 - passed on to gRPC
        channel = self._service.channel()
        method = channel.unary_unary(self._path, request_serializer=self._serialize, response_deserializer=self._parse)
        try:
            return await method(request, timeout=timeout, metadata=self._service.metadata())
        except grpc.aio.AioRpcError as error:
            raise status.decode(error) from error


def _deadline(timeout: float | None) -> float:
    """When the call must end, on the loop's clock: its own time, but never after the call that it serves."""
    own = asyncio.get_running_loop().time() + (timeout or TIMEOUT_S)
    served = call_deadline.get()
    return own if served is None else min(own, served - MARGIN_S)


def _idempotent(path: str) -> bool:
    """Whether the contract says that the method may be repeated."""
    name = path.strip("/").replace("/", ".")
    method = cast("Any", descriptor_pool.Default()).FindMethodByName(name)
    level = method.GetOptions().idempotency_level
    return bool(level != descriptor_pb2.MethodOptions.IDEMPOTENCY_UNKNOWN)


def _target(nodes: Sequence[Node]) -> str:
    """One address list for gRPC; a unix socket stands alone."""
    if nodes[0].address.startswith("unix:"):
        return nodes[0].address
    return "ipv4:" + ",".join(node.address for node in nodes)
