"""The user service on a real server with a real store, between a real log service and gateways' topics."""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import grpc

from mesh import keys
from mesh.client import Channels
from mesh.clock import FakeClock
from mesh.deeds import Audit
from mesh.errors import MeshError
from mesh.ids import Ids
from mesh.infrastructure.memory import MemoryBroker, MemoryKeyValue, MemoryRegistry
from mesh.registry import Node
from mesh.revocations import KeyValueRevocations
from mesh.routes import Routes
from mesh.server import Server
from mesh.telemetry import TelemetrySettings, open_telemetry
from mesh.tokens import Authenticator, ServiceToken, TokenVerifier
from parley.admin.v1.audit_service_pb2_grpc import AuditServiceStub
from parley.admin.v1.user_admin_service_pb2_grpc import UserAdminServiceStub
from parley.bot.v1.bot_service_pb2_grpc import BotServiceStub
from parley.directory.v1.directory_service_pb2_grpc import UserDirectoryServiceStub
from parley.friend.v1.friend_service_pb2_grpc import FriendServiceStub
from parley.group.v1 import group_service_pb2
from parley.group.v1.group_service_pb2_grpc import GroupServiceStub
from parley.log.v1 import log_service_pb2
from parley.log.v1.log_service_pb2_grpc import LogServiceStub
from parley.media.v1 import media_service_pb2
from parley.media.v1.media_service_pb2_grpc import MediaServiceStub
from parley.user.v1.session_pb2 import PLATFORM_ANDROID, Device
from parley.user.v1.settings_service_pb2_grpc import SettingsServiceStub
from parley.user.v1.user_service_pb2 import LogInRequest, LogInResponse, RegisterRequest
from parley.user.v1.user_service_pb2_grpc import UserServiceStub
from svc_user.__main__ import appoint
from svc_user.app import Neighbours, Service, Settings, assemble
from svc_user.infrastructure.notices import encode
from svc_user.infrastructure.passwords import HashSettings
from svc_user.infrastructure.store import open_store
from tests.pictures import MediaServicer, Pictures
from tests.refused import decode
from tests.svc_user.neighbours import Groups, Log, LogServicer

PASSWORD = "correct horse battery staple"
NOW_MS = 1_800_000_000_000
CHEAP = HashSettings(memory_kib=64, iterations=1)
PHONE = Device(platform=PLATFORM_ANDROID, name="phone")
Metadata = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Person:
    """A logged-in user, on one device."""

    username: str
    opened: LogInResponse

    @property
    def id(self) -> str:
        """The user's id."""
        return self.opened.user.user_id

    @property
    def auth(self) -> Metadata:
        """The metadata that proves them."""
        return bearer(self.opened.tokens.access_token)


def bearer(token: str) -> Metadata:
    """The metadata with this token."""
    return (("authorization", f"Bearer {token}"),)


@dataclass
class World:
    """A running user service, its neighbours and its clients."""

    clock: FakeClock
    log: Log
    groups: "Groups"
    pictures: Pictures
    broker: MemoryBroker
    routes: Routes
    registry: MemoryRegistry
    service: Service
    users: UserServiceStub
    friends: FriendServiceStub
    settings: SettingsServiceStub
    directory: UserDirectoryServiceStub
    bots: BotServiceStub
    admin: UserAdminServiceStub
    audit: AuditServiceStub
    as_service: Metadata
    output: io.StringIO
    started_with: Settings
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    def request_id(self) -> str:
        """A fresh one."""
        return f"request-{next(self._numbers)}"

    async def register(self, username: str, **fields: str) -> str:
        """Make an account and return its id."""
        values = {"request_id": self.request_id(), "username": username, "password": PASSWORD, **fields}
        return (await self.users.Register(RegisterRequest(**values))).user.user_id

    async def log_in(self, username: str, *, device: Device = PHONE, **fields: str) -> Person:
        """Log in and return the person."""
        values = {"request_id": self.request_id(), "username": username, "password": PASSWORD, **fields}
        return Person(username, await self.users.LogIn(LogInRequest(device=device, **values)))

    async def person(self, username: str) -> Person:
        """A new account, logged in."""
        await self.register(username)
        return await self.log_in(username)

    async def people(self, *usernames: str) -> list[Person]:
        """New accounts, logged in."""
        return [await self.person(username) for username in usernames]

    async def administrator(self, username: str) -> Person:
        """A new account that is given the role on the command line, logged in."""
        await self.register(username)
        await appoint(self.started_with, "grant", username)
        return await self.log_in(username)

    async def settled(self) -> None:
        """Wait until nothing is owed to the log any more."""
        url, password = self.started_with.store_url, self.started_with.store_password
        async with asyncio.timeout(30), open_store(url, password, self.clock, encode) as store:
            while await store.outbox.owed(1):  # noqa: ASYNC110 - a store tells nobody
                await asyncio.sleep(0.005)


@asynccontextmanager
async def running(folder: Path, settings: Settings | None = None, log: Log | None = None) -> AsyncIterator[World]:
    """Run the service over the store in `folder`."""
    keys.generate_keys(folder / "keys")
    settings = settings or Settings(hashing=CHEAP, store_url=f"sqlite:{folder / 'user.db'}")
    async with AsyncExitStack() as stack:
        yield await _start(folder, settings, log or Log(), stack)


async def _start(folder: Path, settings: Settings, log: Log, stack: AsyncExitStack) -> World:
    clock, registry, broker, output = FakeClock(NOW_MS), MemoryRegistry(), MemoryBroker(), io.StringIO()
    kv = MemoryKeyValue(clock)
    revocations = KeyValueRevocations(kv, clock)
    authenticator = Authenticator(TokenVerifier(keys.verification_keys(folder / "keys"), clock), revocations)
    telemetry = open_telemetry("user", TelemetrySettings(log_format="json"), output=output)

    async def serve(name: str, servicers: Sequence[tuple[object, Any]], audit: Audit | None = None) -> str:
        server = await stack.enter_async_context(
            Server(name, telemetry=telemetry, clock=clock, authenticator=authenticator)
        )
        for servicer, descriptor in servicers:
            server.add(servicer, descriptor, audit=audit)
        [address] = await server.start("127.0.0.1:0")
        await stack.enter_async_context(registry.register(name, Node(name, "boot", address)))
        return address

    groups, pictures = Groups(), Pictures()
    media = (MediaServicer(pictures), media_service_pb2.DESCRIPTOR.services_by_name["MediaService"])
    await serve("message", [(LogServicer(log), log_service_pb2.DESCRIPTOR.services_by_name["LogService"]), media])
    await serve("group", [(groups, group_service_pb2.DESCRIPTOR.services_by_name["GroupService"])])
    token = ServiceToken(keys.signer(folder / "keys", "mesh", clock), "user", clock)
    channels = Channels(registry, token.current, clock)
    stack.push_async_callback(channels.close)
    routes = Routes(kv, clock, "user", "boot")
    neighbours = Neighbours(
        clock=clock,
        ids=Ids(clock),
        keys=folder / "keys",
        signer=keys.signer(folder / "keys", "access", clock),
        revocations=revocations,
        broker=broker,
        registry=registry,
        routes=routes,
        log=channels.stub(LogServiceStub, "message"),
        groups=channels.stub(GroupServiceStub, "group"),
        media=channels.stub(MediaServiceStub, "message"),
    )
    service = await assemble(neighbours, settings, stack)
    stack.push_async_callback(_cancel, [asyncio.create_task(work()) for work in service.background])
    channel = await stack.enter_async_context(
        grpc.aio.insecure_channel(await serve("user", service.servicers, service.audit))
    )
    stubs = (
        UserServiceStub(channel),
        FriendServiceStub(channel),
        SettingsServiceStub(channel),
        UserDirectoryServiceStub(channel),
        BotServiceStub(channel),
    )
    admin = (UserAdminServiceStub(channel), AuditServiceStub(channel))
    as_service = bearer(keys.signer(folder / "keys", "mesh", clock).service("message").token)
    return World(
        clock, log, groups, pictures, broker, routes, registry, service, *stubs, *admin, as_service, output, settings
    )


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def refused(call: Awaitable[object] | Coroutine[Any, Any, object]) -> MeshError:
    """The error with which a call ended."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return decode(error)
    raise AssertionError("the call succeeded")


async def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.005)
