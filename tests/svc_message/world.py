"""Message nodes and gateways as processes of a mesh, over memory adapters and real SQLite files."""

import asyncio
import contextlib
import io
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import grpc
from opentelemetry.sdk.metrics.export import MetricReader

import svc_gateway.app
import svc_message.app
from mesh import keys
from mesh.backends import Backends, BackendSettings, open_backends
from mesh.clock import SystemClock
from mesh.errors import MeshError
from mesh.ids import Ids
from mesh.interceptors import CallSettings
from mesh.limits import Rate
from mesh.link import Accept
from mesh.member import Member, authenticator
from mesh.process import Process, ProcessSettings
from mesh.registry import Node
from mesh.revocations import KeyValueRevocations
from mesh.server import Server, ServerSettings
from mesh.telemetry import Telemetry, TelemetrySettings, open_telemetry
from parley.conversation.v1.conversation_service_pb2_grpc import ConversationServiceStub
from parley.directory.v1 import directory_service_pb2 as directory_pb2
from parley.gateway.v1.gateway_service_pb2_grpc import GatewayServiceStub
from parley.log.v1.log_service_pb2_grpc import LogServiceStub
from parley.message.v1.message_service_pb2_grpc import MessageServiceStub
from svc_gateway.domain import Limits
from tests.refused import decode
from tests.svc_message.directory import Directory, DirectoryServicer

Request = TypeVar("Request")
Response = TypeVar("Response")

FAST = Rate(100_000, 100_000)
SERVER = ServerSettings(calls=CallSettings(reads=FAST, writes=FAST, public=FAST, opened=FAST))
WAIT_S = 30.0


class MovableClock(SystemClock):
    """The time of the machine, which a test may stop and put forward: who sleeps meanwhile wakes up."""

    def __init__(self) -> None:
        self._stopped: tuple[int, float] | None = None
        self._ahead = 0.0
        self._jumped = 0.0
        self._moved = asyncio.Event()

    def now_ms(self) -> int:
        """Wall time, Unix milliseconds."""
        now_ms = super().now_ms() if self._stopped is None else self._stopped[0]
        return now_ms + int((self._ahead + self._jumped) * 1_000)

    def monotonic(self) -> float:
        """Seconds that only go forward."""
        now = super().monotonic() if self._stopped is None else self._stopped[1]
        return now + self._ahead

    async def sleep(self, seconds: float) -> None:
        """Wait until so much time has passed, by itself or by `advance`."""
        ends = self.monotonic() + seconds
        while (left := ends - self.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), left)

    def stop(self) -> None:
        """Let time pass by `advance` alone: however long a busy machine takes for something, it was one moment."""
        self._stopped = super().now_ms(), super().monotonic()

    def jump(self, seconds: float) -> None:
        """Set the wall clock on, or back: nobody who waits notices, as on a machine."""
        self._jumped += seconds

    def advance(self, seconds: float) -> None:
        """Put the time forward."""
        self._ahead += seconds
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()


@dataclass
class World:
    """What a test plays with."""

    folder: Path
    clock: MovableClock
    backends: Backends
    stack: AsyncExitStack
    limits: Limits = field(default_factory=Limits)
    message: svc_message.app.Settings = field(default_factory=lambda: svc_message.app.Settings(sends_burst=0))
    """Settings of message nodes, but for their store; users may send as fast as they like."""
    store_url: str = ""
    """Where message nodes keep all; empty: in `database`."""
    directory: Directory = field(default_factory=Directory)
    log: io.StringIO = field(default_factory=io.StringIO)
    readers: list[MetricReader] = field(default_factory=list)
    """What reads the metrics of the process under test; nobody, unless a test asks for them."""
    ids: Ids = field(init=False)
    address: str = field(init=False)
    channel: grpc.aio.Channel = field(init=False)
    gateway: GatewayServiceStub = field(init=False)
    messages: MessageServiceStub = field(init=False)
    conversations: ConversationServiceStub = field(init=False)
    logs: LogServiceStub = field(init=False)

    def __post_init__(self) -> None:
        """Ids are made as the services do."""
        self.ids = Ids(self.clock, random.Random(1))

    @property
    def database(self) -> Path:
        """The file of the message service."""
        return self.folder / "message.db"

    def connect(self, address: str) -> None:
        """Call this address from now on."""
        self.address = address
        self.channel = grpc.aio.insecure_channel(address, options=(("grpc.use_local_subchannel_pool", 1),))
        self.stack.push_async_callback(self.channel.close)
        self.gateway = GatewayServiceStub(self.channel)
        self.messages = MessageServiceStub(self.channel)
        self.conversations = ConversationServiceStub(self.channel)
        self.logs = LogServiceStub(self.channel)

    def access_token(self, user_id: str, device_id: str, session_id: str) -> str:
        """An access token, good for 15 minutes."""
        return keys.signer(self.folder, "access", self.clock).access(user_id, device_id, session_id).token

    def service_token(self, name: str) -> str:
        """A token of a service."""
        return keys.signer(self.folder, "mesh", self.clock).service(name).token

    async def as_service(
        self,
        rpc: grpc.aio.UnaryUnaryMultiCallable[Request, Response],
        request: Request,
        name: str = "group",
    ) -> Response:
        """Call as a service of the mesh; errors arrive as MeshError."""
        return await call(rpc, request, self.service_token(name))


async def call(
    rpc: grpc.aio.UnaryUnaryMultiCallable[Request, Response], request: Request, token: str, seconds: float = WAIT_S
) -> Response:
    """Call; errors arrive as MeshError."""
    try:
        return await rpc(request, timeout=seconds, metadata=(("authorization", f"Bearer {token}"),))
    except grpc.aio.AioRpcError as error:
        raise decode(error) from error


@asynccontextmanager
async def world(folder: Path, limits: Limits | None = None) -> AsyncIterator[World]:
    """A mesh with its user directory, and nothing else yet."""
    clock = MovableClock()
    keys.generate_keys(folder)
    async with AsyncExitStack() as stack:
        made = World(folder, clock, open_backends(BackendSettings(), clock), stack, limits or Limits())
        stack.push_async_callback(_end, made)
        await _start_directory(stack, made)
        yield made


async def _end(made: World) -> None:
    # What a test left waiting at the directory must not hold the end up.
    made.directory.hold.set()


async def _start_directory(stack: AsyncExitStack, made: World) -> None:
    server = new_server(made, "user")
    server.add(DirectoryServicer(made.directory), directory_pb2.DESCRIPTOR.services_by_name["UserDirectoryService"])
    stack.push_async_callback(server.drain, 0)
    [address] = await server.start("127.0.0.1:0")
    await stack.enter_async_context(made.backends.registry.register("user", Node("user-1", "boot", address)))


def new_server(made: World, name: str) -> Server:
    """A server that lets in who has a token of this mesh."""
    allowed = authenticator(made.folder, KeyValueRevocations(made.backends.kv, made.clock), made.clock)
    return Server(name, telemetry=_telemetry(made), clock=made.clock, authenticator=allowed, settings=SERVER)


@asynccontextmanager
async def process(made: World, *services: str, number: int = 1) -> AsyncIterator[str]:
    """One process with these services around one server, from its start to the end of its drain; its address."""
    telemetry = _telemetry(made, made.readers)
    living = Process("test", telemetry, ProcessSettings(drain_seconds=8.0, grace_seconds=0.2, reflection=False))
    bound: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    links: dict[str, Accept] = {}

    async def start(begun: Process) -> None:
        server = new_server(made, "test")
        members = [
            Member(name, begun, server, made.backends, made.folder, made.clock, links, f"{name}-{number}")
            for name in services
        ]
        for member in members:
            await _build(made, member)
        [address] = await begun.serve(server, "127.0.0.1:0")
        for member in members:
            begun.on_drain(member.leave)
            await member.join(address)
        bound.set_result(address)

    task = asyncio.create_task(living.run(start))
    task.add_done_callback(lambda _: bound.cancel())
    try:
        yield await bound
    finally:
        living.stop()
        assert await task == 0, made.log.getvalue()


async def _build(made: World, member: Member) -> None:
    if member.service == "message":
        media = replace(made.message.media, url=f"disk:{made.folder / 'media'}")
        settings = replace(made.message, store_url=made.store_url or f"sqlite:{made.database}", media=media)
        await svc_message.app.build(member, settings)
    else:
        await svc_gateway.app.build(member, svc_gateway.app.Settings(made.limits))


@asynccontextmanager
async def mesh_of_one(
    folder: Path, limits: Limits | None = None, prepare: Callable[[World], None] | None = None
) -> AsyncIterator[World]:
    """A message node and a gateway in one process."""
    async with world(folder, limits) as made:
        if prepare is not None:
            prepare(made)
        async with process(made, "message", "gateway") as address, AsyncExitStack() as stack:
            made.stack = stack
            made.connect(address)
            yield made


def _telemetry(made: World, readers: Sequence[MetricReader] = ()) -> Telemetry:
    return open_telemetry("test", TelemetrySettings(log_format="json"), output=made.log, readers=readers)


async def eventually(met: Callable[[], Awaitable[bool]]) -> None:
    """Look until it is so, where nothing tells that it is."""
    async with asyncio.timeout(WAIT_S):
        while True:
            if await met():
                return
            await asyncio.sleep(0.01)


async def refusal(awaitable: Awaitable[Response]) -> MeshError:
    """The error with which a call ends."""
    try:
        await awaitable
    except MeshError as error:
        return error
    raise AssertionError("the call succeeded")
