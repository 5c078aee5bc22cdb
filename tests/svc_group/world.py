"""The group service as a process of its own between its neighbours, and users who call it."""

import asyncio
import io
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import TypeVar

import grpc

from mesh import keys
from mesh.backends import Backends, BackendSettings, open_backends
from mesh.clock import SystemClock
from mesh.errors import MeshError
from mesh.ids import Ids
from mesh.interceptors import CallSettings
from mesh.limits import Rate
from mesh.member import Member, authenticator
from mesh.process import Process
from mesh.registry import Node
from mesh.revocations import KeyValueRevocations
from mesh.server import Server, ServerSettings
from mesh.telemetry import Telemetry, TelemetrySettings, open_telemetry
from parley.directory.v1 import directory_service_pb2
from parley.group.v1 import group_pb2, group_service_pb2
from parley.group.v1.group_service_pb2_grpc import GroupServiceStub
from parley.group.v1.invitation_service_pb2_grpc import InvitationServiceStub
from parley.group.v1.member_service_pb2_grpc import MemberServiceStub
from parley.log.v1 import log_service_pb2
from parley.media.v1 import media_service_pb2
from parley.user.v1 import user_pb2
from svc_group.app import Settings, build
from tests.pictures import MediaServicer, Pictures
from tests.refused import decode
from tests.svc_group.neighbours import Directory, DirectoryServicer, Logs, LogServicer

Request = TypeVar("Request")
Response = TypeVar("Response")

FAST = Rate(100_000, 100_000)
SERVER = ServerSettings(calls=CallSettings(reads=FAST, writes=FAST))


class MovableClock(SystemClock):
    """The time of the machine, which a test may put forward."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now_ms(self) -> int:
        """Wall time, Unix milliseconds."""
        return super().now_ms() + int(self._ahead * 1_000)

    def monotonic(self) -> float:
        """Seconds that only go forward."""
        return super().monotonic() + self._ahead

    def advance(self, seconds: float) -> None:
        """Put the time forward."""
        self._ahead += seconds


@dataclass
class World:
    """What a test plays with."""

    folder: Path
    clock: MovableClock
    backends: Backends
    settings: Settings
    directory: Directory = field(default_factory=Directory)
    logs: Logs = field(default_factory=Logs)
    pictures: Pictures = field(default_factory=Pictures)
    ids: Ids = field(init=False)
    groups: GroupServiceStub = field(init=False)
    members: MemberServiceStub = field(init=False)
    ways_in: InvitationServiceStub = field(init=False)

    def __post_init__(self) -> None:
        """Ids of users are made as the user service does."""
        self.ids = Ids(self.clock, random.Random(1))

    def user(self, name: str = "") -> "User":
        """Someone with an account, whom everyone may add."""
        return User(self.directory.know(self.ids.new("u"), name), self)

    def bot(self) -> "User":
        """A bot, which everyone may add."""
        return User(self.directory.know(self.ids.new("u"), "bot", kind=user_pb2.USER_KIND_BOT), self)

    async def as_service(
        self, rpc: grpc.aio.UnaryUnaryMultiCallable[Request, Response], request: Request, name: str = "user"
    ) -> Response:
        """Call as another service of the mesh."""
        token = keys.signer(self.folder, "mesh", self.clock).service(name).token
        return await rpc(request, timeout=30, metadata=(("authorization", f"Bearer {token}"),))

    def connect(self, channel: grpc.aio.Channel) -> None:
        """Call the service through this channel from now on."""
        self.groups = GroupServiceStub(channel)
        self.members = MemberServiceStub(channel)
        self.ways_in = InvitationServiceStub(channel)


@dataclass
class User:
    """Someone who calls."""

    id: str
    world: World

    async def do(
        self, rpc: grpc.aio.UnaryUnaryMultiCallable[Request, Response], request: Request, seconds: float = 30
    ) -> Response:
        """Call; errors arrive as MeshError."""
        signer = keys.signer(self.world.folder, "access", self.world.clock)
        token = signer.access(self.id, "d" + "0" * 15, "s" + "0" * 15).token
        try:
            return await rpc(request, timeout=seconds, metadata=(("authorization", f"Bearer {token}"),))
        except grpc.aio.AioRpcError as error:
            raise decode(error) from error

    async def refused(self, rpc: grpc.aio.UnaryUnaryMultiCallable[Request, Response], request: Request) -> MeshError:
        """Call, and return the error."""
        try:
            await self.do(rpc, request)
        except MeshError as error:
            return error
        raise AssertionError("the call succeeded")

    async def creates(
        self, *others: "User", settings: group_pb2.GroupSettings | None = None, request_id: str = ""
    ) -> group_service_pb2.CreateGroupResponse:
        """Make a group with these."""
        request = group_service_pb2.CreateGroupRequest(
            request_id=request_id or self.world.ids.new("r"),
            settings=settings or group_pb2.GroupSettings(name="team"),
            member_ids=[other.id for other in others],
        )
        return await self.do(self.world.groups.CreateGroup, request)

    async def makes(self, *others: "User", **settings: object) -> str:
        """Make a group with these and settings by name, and return its id."""
        shape = group_pb2.GroupSettings(**{"name": "team", **settings})  # type: ignore[arg-type]
        return (await self.creates(*others, settings=shape)).group.group_id


@asynccontextmanager
async def world(folder: Path, store_url: str = "", settings: Settings | None = None) -> AsyncIterator[World]:
    """Neighbours at work; start the service itself with `service`. Without a store URL it keeps a file in `folder`."""
    clock = MovableClock()
    keys.generate_keys(folder)
    made = World(
        folder,
        clock,
        open_backends(BackendSettings(), clock),
        replace(settings or Settings(new_groups_per_hour=10_000), store_url=store_url or f"sqlite:{folder}/group.db"),
    )
    async with AsyncExitStack() as stack:
        await _neighbour(stack, made, "user", (DirectoryServicer(made.directory), directory_service_pb2))
        log, media = (LogServicer(made.logs), log_service_pb2), (MediaServicer(made.pictures), media_service_pb2)
        await _neighbour(stack, made, "message", log, media)
        yield made


async def _neighbour(stack: AsyncExitStack, made: World, name: str, *served: tuple[object, ModuleType]) -> None:
    revocations = KeyValueRevocations(made.backends.kv, made.clock)
    allowed = authenticator(made.folder, revocations, made.clock)
    server = Server(name, telemetry=_quiet(), clock=made.clock, authenticator=allowed, settings=SERVER)
    for servicer, module in served:
        [service] = module.DESCRIPTOR.services_by_name.values()
        server.add(servicer, service)
    stack.push_async_callback(server.drain, 0)
    [address] = await server.start("127.0.0.1:0")
    await stack.enter_async_context(made.backends.registry.register(name, Node(name, "boot", address)))


@asynccontextmanager
async def service(made: World) -> AsyncIterator[World]:
    """One life of the service."""
    telemetry = _quiet()
    process = Process("group", telemetry)
    bound: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def start(process: Process) -> None:
        revocations = KeyValueRevocations(made.backends.kv, made.clock)
        allowed = authenticator(made.folder, revocations, made.clock)
        server = Server("group", telemetry=telemetry, clock=made.clock, authenticator=allowed, settings=SERVER)
        member = Member("group", process, server, made.backends, made.folder, made.clock, {}, "group-1")
        process.on_drain(member.leave)
        await build(member, made.settings)
        [address] = await process.serve(server, "127.0.0.1:0")
        await member.join(address)
        bound.set_result(address)

    living = asyncio.create_task(process.run(start))
    living.add_done_callback(lambda _: bound.cancel())
    try:
        async with grpc.aio.insecure_channel(await bound) as channel:
            made.connect(channel)
            yield made
    finally:
        process.stop()
        await living


def _quiet() -> Telemetry:
    return open_telemetry("test", TelemetrySettings(log_format="json"), output=io.StringIO())
