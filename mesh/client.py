"""Calls to other services: found by discovery, balanced, with a deadline, a token, and retries where they do no harm.

    directory = channels.stub(UserDirectoryServiceStub, "user")
    profiles = await directory.GetProfiles(GetProfilesRequest(user_ids=ids))

Errors arrive as MeshError, the same that the other service raised.
A task that is started inside a call and outlives it must be started without that call's context
(`asyncio.create_task(..., context=contextvars.Context())`): its own calls would inherit a deadline that has passed.
"""

import asyncio
import contextlib
import contextvars
import itertools
import random
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar, cast

from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.message import DecodeError
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from mesh import dial, errors, status
from mesh.breaker import Breaker, RetryBudget
from mesh.caller import call_deadline
from mesh.clock import Clock
from mesh.errors import Code, MeshError, Reason
from mesh.http2.asking import Failed
from mesh.http2.client import Dialler
from mesh.http2.headers import Metadata
from mesh.pool import Pool
from mesh.registry import Registry

S = TypeVar("S")

TIMEOUT_S: Final = 5.0
"""Deadline of a call that is made on nobody's behalf."""

MARGIN_S: Final = 0.05
"""How much earlier a call ends than the one that it serves, so that there is time to answer."""

FAIR_S: Final = 1.0
"""A deadline shorter than this says nothing about the other side when it passes."""

MAX_ATTEMPTS: Final = 3
BACKOFF_S: Final = 0.05
"""The first pause is 0 to 0.1 s, the second 0 to 0.2 s."""

Token = Callable[[], str]
Observe = Callable[[str, Code, float], None]
"""Told of each attempt: path, code, seconds."""

_TRACE: Final = TraceContextTextMapPropagator()


def trace_headers() -> Mapping[str, str]:
    """Return the W3C headers of the current trace; none outside of one."""
    headers: dict[str, str] = {}
    _TRACE.inject(headers)
    return headers


def unobserved(path: str, code: Code, seconds: float) -> None:
    """Observe nothing."""


class Channels:
    """What one process asks the services of the mesh through. Closes what it opened."""

    def __init__(
        self,
        registry: Registry,
        token: Token,
        clock: Clock,
        *,
        headers: Callable[[], Mapping[str, str]] = trace_headers,
        observe: Observe = unobserved,
    ) -> None:
        self.clock = clock
        self.registry = registry
        self.observe = observe
        self.dialler = Dialler(keepalive_s=dial.KEEPALIVE_S)
        self._token = token
        self._headers = headers
        self._services: dict[str, _Service] = {}

    def stub(self, stub: Callable[[Any], S], service: str) -> S:
        """A generated async stub whose unary calls go to this service.

        A call takes the request and `timeout` in seconds (default TIMEOUT_S), and raises MeshError.
        """
        if service not in self._services:
            self._services[service] = _Service(service, self)
        return stub(self._services[service])

    async def dial(self, address: str, path: str) -> dial.CallWire:
        """Open the stream of a link to one node: what `mesh.link.Dialled` needs. See `mesh.dial.dial`."""
        return await dial.dial(address, path, self.metadata())

    def metadata(self) -> Metadata:
        """What every call carries: who we are, and the trace that it belongs to."""
        return (("authorization", f"Bearer {self._token()}"), *self._headers().items())

    async def close(self) -> None:
        """Close all connections; calls in flight fail."""
        for service in self._services.values():
            await service.close()
        await self.dialler.close()


class _Service:
    """What a generated stub takes for a channel: one service of the mesh."""

    def __init__(self, name: str, channels: Channels) -> None:
        self.name = name
        self.channels = channels
        self.breaker = Breaker(name, channels.clock)
        self.budget = RetryBudget()
        self._pool: Pool | None = None
        self._watch: asyncio.Task[None] | None = None
        self._asked = asyncio.Event()

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

    async def pool(self, ends: float) -> Pool:
        """The connections to the nodes that are there now; waits for the registry's first word, and only for that.

        UNAVAILABLE when no node ever was there.
        """
        if self._pool is None:
            await self._ask(ends)
        if self._pool is None:
            raise errors.unavailable(Reason.SERVICE_UNAVAILABLE, f"no {self.name} service is there", retry_after=0.2)
        return self._pool

    async def close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        if self._pool is not None:
            await self._pool.close()

    async def _ask(self, ends: float) -> None:
        if self._watch is None:
            # Not in the context of the call that happens to be the first.
            self._watch = asyncio.create_task(self._follow(), context=contextvars.Context())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(ends):
                await self._asked.wait()

    async def _follow(self) -> None:
        """Follow the registry's list. An empty one is no reason to forget where the service was."""
        async for nodes in self.channels.registry.watch(self.name):
            if nodes:
                self._pool = self._pool or Pool(self.channels.dialler)
                self._pool.follow([node.address for node in nodes])
            self._asked.set()


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
        for attempt in itertools.count(1):
            pool = await self._service.pool(ends)
            self._service.breaker.enter()
            try:
                return await self._once(pool, request, ends)
            except MeshError as error:
                pause = self._pause(error, attempt)
                if pause is None or _now() + pause >= ends:
                    raise
            await self._service.channels.clock.sleep(pause)
        raise AssertionError

    async def _once(self, pool: Pool, request: Any, ends: float) -> Any:
        """One attempt, and what the breaker learns from it."""
        breaker, started = self._service.breaker, _now()
        try:
            answer = await self._ask(pool, request, ends)
        except MeshError as error:
            self._learn(error, fair=ends - started >= FAIR_S)
            self._service.channels.observe(self._path, error.code, _now() - started)
            raise
        except BaseException:
            breaker.gave_up()
            raise
        breaker.succeeded()
        self._service.budget.earn()
        self._service.channels.observe(self._path, Code.OK, _now() - started)
        return answer

    def _learn(self, error: MeshError, *, fair: bool) -> None:
        breaker = self._service.breaker
        if error.code is Code.UNAVAILABLE or (error.code is Code.DEADLINE_EXCEEDED and fair):
            breaker.failed()
        elif error.code is Code.DEADLINE_EXCEEDED:
            breaker.gave_up()
        else:
            breaker.succeeded()

    def _pause(self, error: MeshError, attempt: int) -> float | None:
        """How long to wait before the next attempt, None when there is none."""
        if error.code is not Code.UNAVAILABLE or attempt >= self._attempts or not self._service.budget.spend():
            return None
        jitter = random.uniform(0, BACKOFF_S * 2**attempt)  # noqa: S311 - jitter, not a secret
        return max(jitter, error.retry_after or 0.0)

    async def _ask(self, pool: Pool, request: Any, ends: float) -> Any:
        if _now() >= ends:
            raise errors.deadline(Reason.DEADLINE_EXCEEDED, "no time is left for this call")
        try:
            metadata = self._service.channels.metadata()
            return self._parse(await pool.ask(self._path, self._serialize(request), metadata, ends))
        except Failed as failed:
            raise status.told(failed.code, failed.details) from failed
        except DecodeError:
            raise errors.internal("", f"{self._service.name} answered with what is no message") from None


def _now() -> float:
    return asyncio.get_running_loop().time()


def _deadline(timeout: float | None) -> float:
    """When the call must end, on the loop's clock: its own time, but never after the call that it serves."""
    own = _now() + (TIMEOUT_S if timeout is None else timeout)
    served = call_deadline.get()
    return own if served is None else min(own, served - MARGIN_S)


def _idempotent(path: str) -> bool:
    """Whether the contract says that the method may be repeated."""
    name = path.strip("/").replace("/", ".")
    method = cast("Any", descriptor_pool.Default()).FindMethodByName(name)
    level = method.GetOptions().idempotency_level
    return bool(level != descriptor_pb2.MethodOptions.IDEMPOTENCY_UNKNOWN)
