"""The AI service, put together."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from google.protobuf.descriptor import ServiceDescriptor

from mesh.breaker import Breaker
from mesh.broker import Broker, topic_of
from mesh.client import Channels
from mesh.clock import Clock
from mesh.infrastructure.aho_corasick import make_finder
from mesh.live import Live
from mesh.live_follow import LiveFollower, RemoteLive
from mesh.member import Member
from mesh.registry import Node, Registry
from mesh.routes import Routes
from mesh.share import Share
from mesh.telemetry import Telemetry
from parley.admin.v1.live_settings_service_pb2_grpc import LiveSettingsServiceStub
from svc_ai.app.parts import BREAKER_SECONDS, Parts, open_parts
from svc_ai.app.requests import asked_of, regenerating_of, renewing_of
from svc_ai.app.settings import Settings
from svc_ai.application.answer import Answering
from svc_ai.application.assistants import Assistants
from svc_ai.application.attend import Attendance
from svc_ai.application.budget import Budget
from svc_ai.application.cancel import Cancelling, Running, Stopping
from svc_ai.application.follow import Follower
from svc_ai.application.gather import Gathering
from svc_ai.application.heed import Heeding
from svc_ai.application.judge import Asking
from svc_ai.application.moderate import Moderating
from svc_ai.application.stand import Standing
from svc_ai.application.write import Writer
from svc_ai.consumer import Consumer
from svc_ai.infrastructure.judge_counts import JudgeCounts
from svc_ai.infrastructure.judges import JudgeSettings, open_judge
from svc_ai.infrastructure.peers import GrpcPeers
from svc_ai.servicer import (
    MODERATION,
    REPLIES,
    SERVICE,
    AssistantServicer,
    ModerationServicer,
    ReplyServicer,
)

__all__ = ["NAME", "Service", "Settings", "assemble", "build"]

NAME: Final = "ai"

DRAIN_SECONDS: Final = 10.0
"""How long answers may go on when the process stops; those that do not end are begun anew elsewhere."""


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
    parts = await open_parts(settings, stack, clock, channels, telemetry)
    near, store, tasks, running = parts.near, parts.store, parts.tasks, Running()
    share, writer = Share(registry, NAME, node), parts.writer(settings.bounds)
    answering = _answering(parts, writer, running)
    gathering = Gathering(near.log, near.histories, store.settings, parts.offer)
    heeding = Heeding(store.settings, near.log, near.people)
    follower = _follower(parts, answering, gathering, heeding, share)
    assistants = Assistants((settings.assistant,), near.directory, parts.journal, clock)
    attendance = Attendance(assistants, routes, follower, node.id)
    consumer = Consumer(broker, topic_of(node), follower, lambda: tasks.spawn(follower.poll()))
    stopping = Stopping(running, near.histories)
    cancelling = Cancelling(stopping, GrpcPeers(registry, NAME, node, channels.metadata), near.log)
    renewing = renewing_of(parts, assistants, gathering, answering, running)
    regenerating = regenerating_of(parts, assistants, running, heeding, renewing)
    asked = asked_of(parts, assistants, regenerating)
    servicer = AssistantServicer(assistants, cancelling, parts.metering, asked, parts.offer, lambda: writer.available)

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
            "renewals": renewing.run,
            "usage": parts.metering.run,
        },
        drain=drain,
    )


def _follower(parts: Parts, answering: Answering, gathering: Gathering, heeding: Heeding, share: Share) -> Follower:
    return Follower(
        parts.near.log,
        parts.store.cursors,
        answering,
        gathering,
        heeding,
        owns=share.has,
        journal=parts.journal,
        clock=parts.clock,
        workload=parts.settings.workload,
        spawn=parts.tasks.spawn,
    )


def _answering(parts: Parts, writer: Writer, running: Running) -> Answering:
    return Answering(
        parts.near.log,
        writer,
        running,
        Standing(parts.near.log, parts.near.histories, parts.near.people, parts.clock),
        budget=Budget(parts.clock, parts.settings.requests_per_minute),
        metering=parts.metering,
        journal=parts.journal,
        clock=parts.clock,
        pace=parts.settings.pace,
        spawn=parts.tasks.spawn,
    )


async def _asking(settings: JudgeSettings, stack: AsyncExitStack, clock: Clock, telemetry: Telemetry) -> Asking | None:
    """The model that judges texts, where there is one."""
    judge = await stack.enter_async_context(open_judge(settings))
    if judge is None:
        return None
    breaker = Breaker("the model that judges", clock, open_s=BREAKER_SECONDS)
    return Asking(judge, breaker, clock, settings.terms, JudgeCounts(telemetry))
