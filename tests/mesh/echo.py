"""A tiny contract made in memory, a servicer for it, and a running server with a client."""

from __future__ import annotations

import asyncio
import contextlib
import io
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.message_factory import GetMessageClass

from buf.validate import validate_pb2
from mesh import access, errors
from mesh.clock import FakeClock
from mesh.deeds import Deed, unavailable
from mesh.server import Server, ServerSettings
from mesh.telemetry import Telemetry, TelemetrySettings, open_telemetry
from parley.access.v1 import access_pb2
from tests.refused import decode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from google.protobuf.descriptor import ServiceDescriptor
    from google.protobuf.message import Message

    from mesh.caller import Caller
    from mesh.stream import Stream
    from mesh.tokens import Authenticator

PACKAGE = "mesh.test.v1"
Metadata = tuple[tuple[str, str], ...]
CANARY = "canary-8d1f"
CHANNEL = (("grpc.max_receive_message_length", 16 << 20), ("grpc.enable_retries", 0))
_FIELD = descriptor_pb2.FieldDescriptorProto


def _contract() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="mesh/test/v1/echo.proto", package=PACKAGE, syntax="proto3")
    file.dependency.append("parley/access/v1/access.proto")
    file.dependency.append("buf/validate/validate.proto")
    ping = file.message_type.add(name="Ping")
    text = ping.field.add(name="text", number=1, type=_FIELD.TYPE_STRING, label=_FIELD.LABEL_OPTIONAL)
    text.options.Extensions[validate_pb2.field].string.max_len = 10
    for number, (name, label) in enumerate((("inner", _FIELD.LABEL_OPTIONAL), ("list", _FIELD.LABEL_REPEATED)), 2):
        ping.field.add(name=name, number=number, type=_FIELD.TYPE_MESSAGE, type_name=f".{PACKAGE}.Ping", label=label)
    pong = file.message_type.add(name="Pong")
    pong.field.add(name="text", number=1, type=_FIELD.TYPE_STRING, label=_FIELD.LABEL_OPTIONAL)
    service = file.service.add(name="EchoService")
    _rpc(service, "Say", access.PUBLIC)
    _rpc(service, "SayAsUser", access.USER)
    _rpc(service, "SayAsService", access.SERVICE)
    _rpc(service, "SayAsAdmin", access.ADMIN)
    _rpc(service, "SayUndeclared", access.UNDECLARED)
    _rpc(service, "SayLater", access.PUBLIC)
    _rpc(service, "GetAsUser", access.USER).idempotency_level = descriptor_pb2.MethodOptions.NO_SIDE_EFFECTS
    _rpc(service, "Follow", access.PUBLIC, answers=True)
    _rpc(service, "Chat", access.PUBLIC, asks=True, answers=True)
    _rpc(service, "Collect", access.PUBLIC, asks=True)
    _rpc(service, "Link", access.SERVICE, asks=True, answers=True)
    return file


def _rpc(
    service: descriptor_pb2.ServiceDescriptorProto,
    name: str,
    callers: access_pb2.Callers.ValueType,
    *,
    asks: bool = False,
    answers: bool = False,
) -> descriptor_pb2.MethodOptions:
    rpc = service.method.add(name=name, input_type=f".{PACKAGE}.Ping", output_type=f".{PACKAGE}.Pong")
    rpc.client_streaming, rpc.server_streaming = asks, answers
    if callers != access.UNDECLARED:
        rpc.options.Extensions[access_pb2.callers] = callers
    return rpc.options


def _pool() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(_contract().SerializeToString())
    return pool


_POOL = _pool()
SERVICE: ServiceDescriptor = _POOL.FindServiceByName(f"{PACKAGE}.EchoService")
if TYPE_CHECKING:
    Ping = Any
    Pong = Any
else:
    Ping = GetMessageClass(_POOL.FindMessageTypeByName(f"{PACKAGE}.Ping"))
    Pong = GetMessageClass(_POOL.FindMessageTypeByName(f"{PACKAGE}.Pong"))


def path(rpc: str) -> str:
    """Return the path of an RPC of the echo service."""
    return f"/{PACKAGE}.EchoService/{rpc}"


class Acts:
    """An audit log in memory; `away` lets it keep nothing."""

    def __init__(self) -> None:
        self.deeds: list[Deed] = []
        self.away = False

    async def record(self, deed: Deed) -> str:
        if self.away:
            raise unavailable()
        self.deeds.append(deed)
        return f"a{len(self.deeds)}"


class EchoServicer:
    """Says what it hears; `say` can be told to misbehave by its text."""

    def __init__(self) -> None:
        self.callers: list[Caller] = []
        self.inside = 0
        self.cancelled = 0
        self.returned = 0
        self.release = asyncio.Event()

    async def say(self, request: Ping, caller: Caller) -> Pong:
        match request.text:
            case "boom":
                raise RuntimeError(f"postgres://user:{CANARY}@db/{request.text}")
            case "conflict":
                raise errors.aborted("LOST_RACE", "read again", version="7")
            case "wait":
                await self._wait()
        self.callers.append(caller)
        return Pong(text=request.text)

    async def say_as_user(self, request: Ping, caller: Caller) -> Pong:
        if request.text == "wait":
            await self._wait()
        self.callers.append(caller)
        return Pong(text=caller.user_id)

    async def say_as_service(self, request: Ping, caller: Caller) -> Pong:
        return Pong(text=caller.service)

    async def say_as_admin(self, request: Ping, caller: Caller) -> Pong:
        if request.text == "conflict":
            raise errors.aborted("LOST_RACE", "read again")
        self.callers.append(caller)
        return Pong(text=caller.user_id)

    async def say_undeclared(self, request: Ping, caller: Caller) -> Pong:
        return Pong(text=request.text)

    async def get_as_user(self, request: Ping, caller: Caller) -> Pong:
        return Pong(text=caller.user_id)

    async def follow(self, request: Ping, stream: Stream, caller: Caller) -> None:
        for number in range(3):
            await stream.write(Pong(text=f"{request.text}{number}"))

    async def chat(self, stream: Stream, caller: Caller) -> None:
        self.inside += 1
        try:
            await self._chat(stream)
            self.returned += 1
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.inside -= 1

    async def _chat(self, stream: Stream) -> None:
        while (ping := await stream.read(Ping)) is not None:
            if ping.text == "bye":
                return
            if ping.text == "stall":
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0):
                        await stream.write(Pong(text="x" * 5_000_000))
                raise errors.exhausted("TOO_SLOW", "nobody takes it")
            if ping.text == "flood":
                while True:
                    await stream.write(Pong(text="x" * 60_000))
            await stream.write(Pong(text=ping.text))

    async def collect(self, stream: Stream, caller: Caller) -> Pong:
        texts = []
        while (ping := await stream.read(Ping)) is not None:
            texts.append(ping.text)
        return Pong(text=",".join(texts))

    async def link(self, stream: Stream, caller: Caller) -> None:
        while (ping := await stream.read(Ping)) is not None:
            await stream.write(Pong(text=ping.text))

    async def _wait(self) -> None:
        self.inside += 1
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.inside -= 1


@dataclass
class Running:
    """A server at work, what it logged, and a client."""

    server: Server
    servicer: EchoServicer
    address: str
    channel: grpc.aio.Channel
    log: io.StringIO
    clock: FakeClock = field(default_factory=lambda: FakeClock(1_800_000_000_000))

    async def call(self, rpc: str, text: str = "hello", *, seconds: float = 30, metadata: Metadata = ()) -> str:
        """Make a unary call and return the text of the answer."""
        pong = await self.unary(rpc)(Ping(text=text), timeout=seconds, metadata=metadata)
        return str(pong.text)

    def unary(self, rpc: str) -> grpc.aio.UnaryUnaryMultiCallable[Any, Any]:
        """Return the callable of a unary RPC."""
        return self.channel.unary_unary(path(rpc), serialize, Pong.FromString)

    def stream(self, rpc: str) -> grpc.aio.StreamStreamMultiCallable[Any, Any]:
        """Return the callable of a bidirectional RPC."""
        return stream_of(self.channel, rpc)

    def raw(self, rpc: str) -> grpc.aio.UnaryUnaryMultiCallable[bytes, Any]:
        """Return the callable of a unary RPC that sends bytes as they are."""
        return self.channel.unary_unary(path(rpc), bytes, Pong.FromString)


def stream_of(channel: grpc.aio.Channel, rpc: str) -> grpc.aio.StreamStreamMultiCallable[Any, Any]:
    """Return the callable of a bidirectional RPC over a channel of one's own."""
    return channel.stream_stream(path(rpc), serialize, Pong.FromString)


def bearer(token: str) -> Metadata:
    """Return the metadata with which one shows a token."""
    return (("authorization", f"Bearer {token}"),)


def serialize(message: Message) -> bytes:
    """Return the bytes of a message."""
    return message.SerializeToString()


@asynccontextmanager
async def running(
    settings: ServerSettings | None = None,
    *,
    authenticator: Authenticator | None = None,
    telemetry: Telemetry | None = None,
    clock: FakeClock | None = None,
    audit: Acts | None = None,
) -> AsyncIterator[Running]:
    """Run a server with the echo service on a free port."""
    log = io.StringIO()
    clock = clock or FakeClock(1_800_000_000_000)
    telemetry = telemetry or open_telemetry("test", TelemetrySettings(log_format="json"), output=log)
    servicer = EchoServicer()
    server = Server("test", telemetry=telemetry, clock=clock, authenticator=authenticator, settings=settings)
    server.add(servicer, SERVICE, audit=audit or Acts())
    [address] = await server.start("127.0.0.1:0")
    try:
        async with grpc.aio.insecure_channel(address, CHANNEL) as channel:
            yield Running(server, servicer, address, channel, log, clock)
    finally:
        await server.drain(0)


async def refused(call: Awaitable[object]) -> errors.MeshError:
    """Return the error with which a call ended."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return decode(error)
    raise AssertionError("the call succeeded")


async def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  what is looked at has no event
            await asyncio.sleep(0.005)
