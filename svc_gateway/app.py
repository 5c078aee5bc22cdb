"""The composition root of the gateway."""

from dataclasses import dataclass, field
from functools import partial
from typing import Final

from mesh.broker import topic_of
from mesh.clock import Clock
from mesh.member import Member
from mesh.validation import compiled
from parley.directory.v1.directory_service_pb2_grpc import UserDirectoryServiceStub
from parley.gateway.v1 import gateway_service_pb2
from svc_gateway.application.alive import Alive
from svc_gateway.application.attach import Attach
from svc_gateway.application.browsers import Browsers
from svc_gateway.application.comings import Comings
from svc_gateway.application.departed import Departed
from svc_gateway.application.digests import Digests
from svc_gateway.application.drain import drain
from svc_gateway.application.hub import Hub
from svc_gateway.application.presence import Presences
from svc_gateway.application.quiet import QuietDevices
from svc_gateway.application.seeing import Seeing
from svc_gateway.consumer import Consumer
from svc_gateway.domain import Limits
from svc_gateway.infrastructure.last_seen import CachedLastSeen
from svc_gateway.infrastructure.message_links import STALE, MessageLinks
from svc_gateway.infrastructure.nodes import NodeTopics
from svc_gateway.infrastructure.people import DirectoryPeople
from svc_gateway.servicer import GatewayServicer, frames
from svc_gateway.servicer.admission import admitting
from svc_gateway.servicer.check import Check
from svc_gateway.servicer.dispatch import Dispatch, encode_digests

SWEEP_S: Final = 10.0
"""How often sessions without a sign of life are looked for."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a device may cost; see `Limits`."""

    limits: Limits = field(default_factory=Limits)


async def build(member: Member, settings: Settings) -> None:
    """Build the service."""
    limits, clock, spawn = settings.limits, member.clock, member.process.spawn
    nodes = NodeTopics(member.broker, member.registry)
    departed = Departed(nodes.left, clock)
    hub = Hub(clock, departed.missing)
    member.process.telemetry.show("gateway.devices", "{device}", "devices that are connected", lambda: len(hub))
    people = DirectoryPeople(member.channels.stub(UserDirectoryServiceStub, "user"))
    last_seen = CachedLastSeen(member.kv)
    seeing = Seeing(member.routes, people, last_seen)
    presences = Presences(member.routes, people, seeing, hub, frames.presences, clock)
    comings = Comings(member.routes, nodes, people, seeing, last_seen, hub, clock)
    alive = Alive(people.session_alive, member.revocations, clock)
    admit = admitting(member.authenticator.of_tokens_alone().verify)
    attach = Attach(admit, alive, people, member.routes, nodes, hub, presences, comings, departed, limits)
    links = MessageLinks(member.registry, member.local_links, member.channels, hub, frames.retry_unanswered, clock)
    digests = Digests(links, encode_digests)
    dispatch = Dispatch(links, attach, presences, comings, digests, clock)
    servicer = GatewayServicer(attach, dispatch, Check(compiled()), Browsers(), limits, clock)
    member.server.add(servicer, gateway_service_pb2.DESCRIPTOR.services_by_name["GatewayService"])
    topic = topic_of(member.node)
    consumer = Consumer(member.broker, topic, hub, alive, presences, comings, departed, lambda: STALE, clock)
    member.process.telemetry.total("events.lost", "{loss}", "losses on the way to the node", lambda: consumer.losses)
    member.hold_routes(lambda user, route: hub.evict(user, route.device, route.epoch), consumer.missed, departed.went)
    spawn(links.run(), "gateway-links")
    spawn(consumer.run(), "gateway-consumer")
    spawn(presences.run(), "gateway-presences")
    spawn(comings.run(), "gateway-comings")
    spawn(QuietDevices(hub, digests, clock, limits.heartbeat_s).run(), "gateway-quiet-devices")
    spawn(_sweep(hub, clock, min(SWEEP_S, limits.write_stall_s / 2)), "gateway-sweep")
    member.process.on_drain(partial(drain, attach, hub, frames.drain, limits.drain_s, clock))


async def _sweep(hub: Hub, clock: Clock, period_s: float) -> None:
    while True:
        await clock.sleep(period_s)
        hub.sweep()
