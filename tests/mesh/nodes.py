"""Nodes of a mesh for tests of the client side: real servers on loopback, and what their callers need."""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mesh import access, health, keys
from mesh.caller import Caller, call_deadline
from mesh.client import Channels
from mesh.clock import Clock, SystemClock
from mesh.errors import Code, MeshError
from mesh.health import Health, HealthServicer
from mesh.infrastructure.memory import MemoryRegistry
from mesh.registry import Node
from mesh.server import Server
from mesh.stream import Stream
from mesh.telemetry import TelemetrySettings, open_telemetry
from mesh.tokens import Authenticator, ServiceToken, TokenVerifier
from parley.directory.v1.directory_service_pb2 import (
    DESCRIPTOR,
    DirectoryProfile,
    GetProfilesRequest,
    GetProfilesResponse,
)
from parley.directory.v1.directory_service_pb2_grpc import UserDirectoryServiceStub
from tests.mesh import echo
from tests.mesh.echo import Ping, Pong

DIRECTORY = DESCRIPTOR.services_by_name["UserDirectoryService"]
REQUEST = GetProfilesRequest(user_ids=["u00000000000000a"])


@dataclass
class Script:
    """What a node does when it is called, and what it saw."""

    name: str
    failures: list[Exception] = field(default_factory=list)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    callers: list[Caller] = field(default_factory=list)
    left: list[float | None] = field(default_factory=list)
    """Seconds that each call had when it came."""
    linked: Callable[[Stream], Awaitable[None]] | None = None

    async def play(self, caller: Caller) -> None:
        """Note the call, wait if a test wants that, and fail as often as was asked."""
        self.callers.append(caller)
        ends = call_deadline.get()
        self.left.append(ends and ends - asyncio.get_running_loop().time())
        await self.go.wait()
        if self.failures:
            raise self.failures.pop(0)


class Directory:
    """An RPC that the contract allows to be repeated; answers with the name of the node."""

    def __init__(self, script: Script) -> None:
        self._script = script

    async def get_profiles(self, request: GetProfilesRequest, caller: Caller) -> GetProfilesResponse:
        await self._script.play(caller)
        return GetProfilesResponse(profiles=[DirectoryProfile(user_id=self._script.name)])


class Once:
    """An RPC that must not be repeated, and a link."""

    def __init__(self, script: Script) -> None:
        self._script = script

    async def say_as_service(self, request: Ping, caller: Caller) -> Pong:
        await self._script.play(caller)
        return Pong(text=self._script.name)

    async def link(self, stream: Stream, caller: Caller) -> None:
        self._script.callers.append(caller)
        assert self._script.linked is not None
        await self._script.linked(stream)


class OnceStub:
    """A stub as the generator makes them."""

    def __init__(self, channel: Any) -> None:
        self.SayAsService = channel.unary_unary(
            echo.path("SayAsService"), echo.serialize, Pong.FromString, _registered_method=True
        )


@dataclass
class Running:
    """One node at work."""

    node: Node
    script: Script
    health: Health
    server: Server


class Mesh:
    """Nodes of the service `user` behind one registry, and channels to them."""

    def __init__(self, folder: Path, clock: Clock, stack: AsyncExitStack) -> None:
        keys.generate_keys(folder)
        self.folder = folder
        self.clock = clock
        self.registry = MemoryRegistry()
        self.observed: list[tuple[Code, float]] = []
        self.token = ServiceToken(keys.signer(folder, "mesh", clock), "test", clock).current
        self.channels = Channels(self.registry, self.token, clock, observe=self._observe)
        self._stack = stack
        stack.push_async_callback(self.channels.close)

    async def start(self, name: str, address: str = "127.0.0.1:0", *, announce: bool = True) -> Running:
        """Start a node and announce it."""
        script = Script(name)
        script.go.set()
        server, state = self._server(script), Health()
        state.set(serving=True)
        server.add(HealthServicer(state), health.SERVICE, callers=access.PUBLIC)
        [bound] = await server.start(address)
        self._stack.push_async_callback(server.drain, 0)
        node = Node(name, "b", bound)
        if announce:
            await self._stack.enter_async_context(self.registry.register("user", node))
        return Running(node, script, state, server)

    def directory(self) -> Any:
        """A stub of the RPC that may be repeated."""
        return self.channels.stub(UserDirectoryServiceStub, "user")

    def once(self) -> Any:
        """A stub of the RPC that may not."""
        return self.channels.stub(OnceStub, "user")

    async def ask(self, times: int = 1) -> list[str]:
        """Call so often, one after another; the names of the nodes that answered."""
        stub = self.directory()
        return [(await stub.GetProfiles(REQUEST)).profiles[0].user_id for _ in range(times)]

    async def held(self, node: Running) -> asyncio.Task[Any]:
        """Begin a call that may not be repeated, and return it when the node, the only one, has it and lets it wait."""
        node.script.go.clear()
        call = asyncio.create_task(self.once().SayAsService(Ping(text="x")))
        await echo.until(lambda: bool(node.script.callers))
        return call

    def _server(self, script: Script) -> Server:
        telemetry = open_telemetry("test", TelemetrySettings(log_format="json"), output=io.StringIO())
        authenticator = Authenticator(TokenVerifier(keys.verification_keys(self.folder), self.clock))
        server = Server(script.name, telemetry=telemetry, clock=self.clock, authenticator=authenticator)
        server.add(Directory(script), DIRECTORY)
        server.add(Once(script), echo.SERVICE)
        return server

    def _observe(self, _: str, code: Code, seconds: float) -> None:
        self.observed.append((code, seconds))


@asynccontextmanager
async def mesh_of(folder: Path) -> AsyncIterator[Mesh]:
    """A mesh without nodes yet."""
    async with AsyncExitStack() as stack:
        yield Mesh(folder, SystemClock(), stack)


async def failed(call: Awaitable[object]) -> MeshError:
    """Wait for a call that fails, and return its error."""
    with pytest.raises(MeshError) as raised:
        await call
    return raised.value
