"""The AI service between real servers of its neighbours, over the memory broker, cache and registry."""

import asyncio
import io
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import Message

from mesh import keys
from mesh.client import Channels
from mesh.clock import SystemClock
from mesh.errors import MeshError
from mesh.infrastructure.memory import MemoryBroker, MemoryKeyValue, MemoryRegistry
from mesh.registry import Node
from mesh.routes import Routes
from mesh.server import Server
from mesh.telemetry import Telemetry, TelemetrySettings, open_telemetry
from mesh.tokens import Authenticator, ServiceToken, TokenVerifier
from parley.ai.v1.assistant_service_pb2 import CancelReplyRequest
from parley.ai.v1.assistant_service_pb2_grpc import AssistantServiceStub
from parley.ai.v1.moderation_service_pb2 import ModerateRequest, ModerateResponse
from parley.ai.v1.moderation_service_pb2_grpc import ModerationServiceStub
from parley.directory.v1 import directory_service_pb2
from parley.log.v1 import log_service_pb2
from svc_ai.app import Service, Settings, assemble
from svc_ai.application.follow import Workload
from svc_ai.application.show import Pace
from svc_ai.application.write import Bounds
from svc_ai.infrastructure.scripted import ScriptedSettings
from tests.refused import decode
from tests.svc_ai.live import LIVE, LiveSettingsServicer, NoAudit
from tests.svc_ai.neighbours import ANN, Directory, Logs, LogServicer

CLOCK = SystemClock()
FAST = Settings(
    scripted=ScriptedSettings(word_seconds=0.0, faults=True),
    bounds=Bounds(seconds=60.0, first_piece_seconds=30.0, piece_seconds=30.0, characters=16_000),
    workload=Workload(poll_seconds=30.0),
    pace=Pace(seconds=0.01, snapshot_seconds=60.0),
)
HASTY = replace(FAST, bounds=replace(FAST.bounds, seconds=5.0, first_piece_seconds=1.0))
"""For models that are not to answer."""


@dataclass
class World:
    """The neighbours, which live on while the AI service dies and comes back."""

    folder: Path
    registry: MemoryRegistry
    broker: MemoryBroker
    kv: MemoryKeyValue
    logs: Logs
    directory: Directory
    authenticator: Authenticator
    log: io.StringIO = field(default_factory=io.StringIO)
    settings: LiveSettingsServicer = field(default_factory=LiveSettingsServicer)
    """What nodes take while they run."""
    store_url: str = ""
    """One store for all nodes; without it each has a file of its own in `folder`."""
    _boots: int = 0

    @property
    def telemetry(self) -> Telemetry:
        """A telemetry that writes to `log`."""
        return open_telemetry("ai", TelemetrySettings(log_format="json"), output=self.log)

    @asynccontextmanager
    async def process(self, settings: Settings = FAST, node_id: str = "one") -> AsyncIterator["Running"]:
        """One life of one AI node; leaving it is a crash: nothing is drained."""
        self._boots += 1
        settings = replace(settings, store_url=self.store_url or f"sqlite:{self.folder / node_id}.db")
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(self._server("ai"))
            service = await self._build(settings, stack, Node(node_id, f"boot{self._boots}", ""))
            for servicer, descriptor in service.servicers:
                server.add(servicer, descriptor)
            [address] = await server.start("127.0.0.1:0")
            await stack.enter_async_context(self.registry.register("ai", Node(node_id, f"boot{self._boots}", address)))
            tasks = [asyncio.create_task(run()) for run in service.background.values()]
            stack.push_async_callback(_cancel, tasks)
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(address))
            yield Running(service, AssistantServiceStub(channel), ModerationServiceStub(channel), self.folder)

    def cursor(self, conversation: str, node_id: str = "one") -> int:
        """How far the node has dealt with a conversation, as its store says."""
        with closing(sqlite3.connect(self.folder / f"{node_id}.db")) as connection:
            row = connection.execute("SELECT seq FROM cursors WHERE conversation_id = ?", (conversation,)).fetchone()
        return int(row[0]) if row else 0

    def open_renewals(self, node_id: str = "one") -> int:
        """How many answers were asked for anew and are not done, as the store of the node says."""
        with closing(sqlite3.connect(self.folder / f"{node_id}.db")) as connection:
            return int(connection.execute("SELECT count(*) FROM renewals WHERE done = 0").fetchone()[0])

    async def _build(self, settings: Settings, stack: AsyncExitStack, node: Node) -> Service:
        token = ServiceToken(keys.signer(self.folder, "mesh", CLOCK), "ai", CLOCK)
        channels = Channels(self.registry, token.current, CLOCK)
        stack.push_async_callback(channels.close)
        return await assemble(
            settings,
            stack,
            node=node,
            clock=CLOCK,
            registry=self.registry,
            broker=self.broker,
            routes=Routes(self.kv, CLOCK, node.id, node.boot_id),
            channels=channels,
            telemetry=self.telemetry,
        )

    def _server(self, name: str) -> Server:
        return Server(name, telemetry=self.telemetry, clock=CLOCK, authenticator=self.authenticator)


@dataclass
class Running:
    """An AI node at work, and a client of its face."""

    service: Service
    stub: AssistantServiceStub
    moderation: ModerationServiceStub
    folder: Path

    def as_user(self, user_id: str) -> tuple[tuple[str, str], ...]:
        """The metadata of calls of this user."""
        token = keys.signer(self.folder, "access", CLOCK).access(user_id, "d000000000000000", "s000000000000000")
        return (("authorization", f"Bearer {token.token}"),)

    async def ask(self, method: str, request: Message, user_id: str = ANN) -> Any:
        """Call an RPC of AssistantService as this user; raises MeshError."""
        try:
            return await getattr(self.stub, method)(request, timeout=30, metadata=self.as_user(user_id))
        except grpc.aio.AioRpcError as error:
            raise decode(error) from error

    async def moderate(self, text: str) -> ModerateResponse:
        """Ask about a text, as the message service does."""
        token = keys.signer(self.folder, "mesh", CLOCK).service("message").token
        metadata = (("authorization", f"Bearer {token}"),)
        return await self.moderation.Moderate(ModerateRequest(text=text), timeout=30, metadata=metadata)

    async def cancel(self, user_id: str, *, reply_id: str = "", conversation_id: str = "") -> list[str]:
        """Cancel as this user; raises MeshError."""
        request = (
            CancelReplyRequest(reply_id=reply_id) if reply_id else CancelReplyRequest(conversation_id=conversation_id)
        )
        try:
            response = await self.stub.CancelReply(request, timeout=30, metadata=self.as_user(user_id))
        except grpc.aio.AioRpcError as error:
            raise decode(error) from error
        return list(response.cancelled_reply_ids)


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    """Run the neighbours."""
    keys.generate_keys(folder)
    registry, broker, kv = MemoryRegistry(), MemoryBroker(), MemoryKeyValue(CLOCK)
    authenticator = Authenticator(TokenVerifier(keys.verification_keys(folder), CLOCK))
    logs, directory = Logs(broker, Routes(kv, CLOCK, "message", "boot")), Directory()
    made = World(folder, registry, broker, kv, logs, directory, authenticator)
    async with AsyncExitStack() as stack:
        for name, servicer, contract in (
            ("message", LogServicer(logs), log_service_pb2.DESCRIPTOR.services_by_name["LogService"]),
            ("user", directory, directory_service_pb2.DESCRIPTOR.services_by_name["UserDirectoryService"]),
        ):
            server = await stack.enter_async_context(made._server(name))
            server.add(servicer, contract)
            if name == "user":
                server.add(made.settings, LIVE, audit=NoAudit())
            [address] = await server.start("127.0.0.1:0")
            await stack.enter_async_context(registry.register(name, Node(name, "boot", address)))
        yield made


async def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  what it looks at knows no event
            await asyncio.sleep(0.005)


async def _cancel(tasks: "list[asyncio.Task[None]]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


__all__ = ["FAST", "HASTY", "MeshError", "Running", "World", "until", "world"]
