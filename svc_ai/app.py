"""The AI service, put together."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final

from google.protobuf.descriptor import ServiceDescriptor

from mesh.breaker import Breaker
from mesh.broker import Broker, topic_of
from mesh.client import Channels
from mesh.clock import Clock
from mesh.infrastructure import sqlite
from mesh.infrastructure.aho_corasick import make_finder
from mesh.live import Live
from mesh.live_follow import LiveFollower, RemoteLive
from mesh.member import Member
from mesh.registry import Node, Registry
from mesh.routes import Routes
from mesh.settings import Secret, SettingError
from mesh.share import Share
from mesh.telemetry import Telemetry
from parley.admin.v1.live_settings_service_pb2_grpc import LiveSettingsServiceStub
from parley.directory.v1.directory_service_pb2_grpc import UserDirectoryServiceStub
from parley.log.v1.log_service_pb2_grpc import LogServiceStub
from svc_ai.application.answer import Answering
from svc_ai.application.assistants import Assistants
from svc_ai.application.attend import Attendance
from svc_ai.application.budget import Budget
from svc_ai.application.cancel import Cancelling, Running, Stopping
from svc_ai.application.follow import Follower, Workload
from svc_ai.application.judge import Asking
from svc_ai.application.moderate import Moderating
from svc_ai.application.show import Pace
from svc_ai.application.tasks import Tasks
from svc_ai.application.write import Bounds, Writer
from svc_ai.consumer import Consumer
from svc_ai.domain.assistant import Profile
from svc_ai.domain.ports import Cursors, Model
from svc_ai.infrastructure.directory import GrpcDirectory
from svc_ai.infrastructure.journal import TelemetryJournal
from svc_ai.infrastructure.judge_counts import JudgeCounts
from svc_ai.infrastructure.judges import JudgeSettings, open_judge
from svc_ai.infrastructure.log import GrpcLog
from svc_ai.infrastructure.peers import GrpcPeers
from svc_ai.infrastructure.scripted import ScriptedModel, ScriptedSettings
from svc_ai.infrastructure.sqlite import SCHEMA, SqliteCursors
from svc_ai.servicer import (
    MODERATION,
    REPLIES,
    SERVICE,
    AssistantServicer,
    ModerationServicer,
    ReplyServicer,
)

NAME: Final = "ai"

DRAIN_SECONDS: Final = 10.0
"""How long answers may go on when the process stops; those that do not end are begun anew elsewhere."""

BREAKER_SECONDS: Final = 10.0
"""How long a model that failed five times in a row is left alone."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`store_url` is `sqlite:<path>`, or `mongodb://<user>@<hosts>/<database>?<options>` with `store_password`;
    `model_url` is `scripted://`, the model that needs no model.
    """

    store_url: str = "sqlite:var/ai.db"
    store_password: Secret = Secret()
    model_url: str = "scripted://"
    assistant: Profile = field(default_factory=Profile)
    scripted: ScriptedSettings = field(default_factory=ScriptedSettings)
    judge: JudgeSettings = field(default_factory=JudgeSettings)
    bounds: Bounds = field(default_factory=Bounds)
    workload: Workload = field(default_factory=Workload)
    pace: Pace = field(default_factory=Pace)
    requests_per_minute: int = 20


@dataclass(frozen=True, slots=True)
class Service:
    """What the process serves, runs for as long as it lives, and calls before it stops."""

    servicers: tuple[tuple[object, ServiceDescriptor], ...]
    background: Mapping[str, Callable[[], Coroutine[object, object, None]]]
    drain: Callable[[], Awaitable[None]]


async def build(member: Member, settings: Settings) -> None:
    """Build the service as a member of the mesh."""
    stack = await member.process.enter(AsyncExitStack())
    service = await assemble(
        settings,
        stack,
        node=member.node,
        clock=member.clock,
        registry=member.registry,
        broker=member.broker,
        routes=member.routes,
        channels=member.channels,
        telemetry=member.process.telemetry,
    )
    for servicer, contract in service.servicers:
        member.server.add(servicer, contract)
    member.hold_routes()
    for name, run in service.background.items():
        member.process.spawn(member.once_joined(run()), f"ai-{name}")
    member.process.on_drain(service.drain)


async def assemble(
    settings: Settings,
    stack: AsyncExitStack,
    *,
    node: Node,
    clock: Clock,
    registry: Registry,
    broker: Broker,
    routes: Routes,
    channels: Channels,
    telemetry: Telemetry,
) -> Service:
    """Put the service together for one node; the stack closes what is opened. Needs no other service to be there."""
    journal = TelemetryJournal(telemetry)
    log = GrpcLog(channels.stub(LogServiceStub, "message"))
    directory = GrpcDirectory(channels.stub(UserDirectoryServiceStub, "user"))
    cursors, reads = await _open_store(settings.store_url, settings.store_password, stack)
    telemetry.count_reads("ai", reads)
    model = _model(settings)
    tasks = Tasks()
    stack.push_async_callback(tasks.close)

    running, share = Running(), Share(registry, NAME, node)
    writer = Writer(model, settings.bounds, Breaker("model", clock, open_s=BREAKER_SECONDS), journal)
    answering = Answering(
        log,
        writer,
        running,
        budget=Budget(clock, settings.requests_per_minute),
        journal=journal,
        clock=clock,
        pace=settings.pace,
        spawn=tasks.spawn,
    )
    follower = Follower(
        log,
        cursors,
        answering,
        owns=share.has,
        journal=journal,
        clock=clock,
        workload=settings.workload,
        spawn=tasks.spawn,
    )
    assistants = Assistants((settings.assistant,), directory, journal, clock)
    attendance = Attendance(assistants, routes, follower, node.id)
    consumer = Consumer(broker, topic_of(node), follower, lambda: tasks.spawn(follower.poll()))
    stopping = Stopping(running)
    cancelling = Cancelling(stopping, GrpcPeers(registry, NAME, node, channels.metadata), log)
    servicer = AssistantServicer(assistants, cancelling, model.name, lambda: writer.available)

    live = Live(make_finder)
    moderation = ModerationServicer(Moderating(live, await _asking(settings.judge, stack, clock, telemetry)))
    following = LiveFollower(RemoteLive(channels.stub(LiveSettingsServiceStub, "user")), live, clock)

    async def drain() -> None:
        follower.stop()
        await attendance.leave()
        await tasks.drain(DRAIN_SECONDS)

    return Service(
        servicers=((servicer, SERVICE), (ReplyServicer(stopping), REPLIES), (moderation, MODERATION)),
        background={
            "hints": consumer.run,
            "attendance": attendance.run,
            "live settings": following.run,
            "nodes": share.follow,
        },
        drain=drain,
    )


async def _open_store(url: str, password: Secret, stack: AsyncExitStack) -> tuple[Cursors, Callable[[], int]]:
    """The cursors, and how often they were read."""
    if url.startswith("mongodb:"):
        from mesh.infrastructure import mongo  # noqa: PLC0415  a process that needs no driver loads none
        from svc_ai.infrastructure import mongo as on_mongo  # noqa: PLC0415  as above

        documents = await stack.enter_async_context(mongo.Database(url, on_mongo.SCHEMA, password=password))
        return on_mongo.MongoCursors(documents), lambda: documents.reads
    database = await stack.enter_async_context(sqlite.Database(sqlite.path_of(url), SCHEMA))
    return SqliteCursors(database), lambda: database.reads


async def _asking(settings: JudgeSettings, stack: AsyncExitStack, clock: Clock, telemetry: Telemetry) -> Asking | None:
    """The model that judges texts, where there is one."""
    judge = await stack.enter_async_context(open_judge(settings))
    if judge is None:
        return None
    breaker = Breaker("the model that judges", clock, open_s=BREAKER_SECONDS)
    return Asking(judge, breaker, clock, settings.terms, JudgeCounts(telemetry))


def _model(settings: Settings) -> Model:
    if settings.model_url != "scripted://":
        raise SettingError("MODEL_URL: must be scripted://")
    return ScriptedModel(settings.scripted)
