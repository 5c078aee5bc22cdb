"""How the user service is put together."""

from contextlib import AsyncExitStack

from mesh.infrastructure.aho_corasick import make_finder
from mesh.live import Live
from mesh.live_follow import LiveFollower
from mesh.member import Member
from mesh.outbox import Outbox
from parley.group.v1.group_service_pb2_grpc import GroupServiceStub
from parley.log.v1.log_service_pb2_grpc import LogServiceStub
from parley.media.v1.media_service_pb2_grpc import MediaServiceStub
from svc_user.app.parts import Neighbours, Parts, Service
from svc_user.app.servicers import servicers
from svc_user.app.settings import DeviceSettings, Settings
from svc_user.application.audit import Auditor
from svc_user.application.bots import BotKeeping
from svc_user.application.delete_account import AccountDeletion, Remains
from svc_user.application.lift import Lifting
from svc_user.application.live import Tuning
from svc_user.application.pairs import Pairs
from svc_user.application.profiles import Profiles, Views
from svc_user.application.remind import Reminder
from svc_user.application.sessions import Ending
from svc_user.application.throttle import Throttle
from svc_user.infrastructure.avatars import MediaAvatars
from svc_user.infrastructure.gateways import NodeGateways
from svc_user.infrastructure.groups import GroupMemberships
from svc_user.infrastructure.log import LogPayer, OutboxNotices, PersonalLogs
from svc_user.infrastructure.message_nodes import MessageNodeTopics
from svc_user.infrastructure.notices import encode
from svc_user.infrastructure.passwords import Argon2Passwords
from svc_user.infrastructure.secret import refresh_key
from svc_user.infrastructure.store import open_store

__all__ = ["DeviceSettings", "Neighbours", "Service", "Settings", "assemble", "build"]


async def assemble(neighbours: Neighbours, settings: Settings, stack: AsyncExitStack) -> Service:
    """Open the store and wire the service; what was opened closes with the stack."""
    clock = neighbours.clock
    opened = open_store(settings.store_url, settings.store_password, clock, encode)
    store = await stack.enter_async_context(opened)
    outbox = Outbox(store.outbox, LogPayer(neighbours.log), clock)
    notices = OutboxNotices(outbox)
    stack.push_async_callback(notices.close)
    passwords = Argon2Passwords(settings.hashing)
    stack.push_async_callback(passwords.close)
    gateways, nodes = _gateways(neighbours), MessageNodeTopics(neighbours.broker, neighbours.registry)
    throttle, ending = Throttle(settings.throttle, clock), Ending(store.sessions, gateways, notices, clock)
    pairs = Pairs(store.relations, notices, nodes)
    deletion = AccountDeletion(store.accounts, store.deletions, passwords, throttle, ending, nodes, clock)
    key = refresh_key(neighbours.keys)
    auditor = Auditor(store.audit, neighbours.ids, clock)
    live, tuning = Live(make_finder), Tuning(store.live, clock)
    views, avatars = Views(store.accounts, store.relations), MediaAvatars(neighbours.media)
    profiles = Profiles(store.accounts, store.relations, views, notices, avatars, live, clock)
    bots = BotKeeping(store.bots, store.accounts, profiles, deletion.erase, neighbours.ids, clock)
    parts = Parts(
        store,
        passwords,
        notices,
        gateways,
        nodes,
        throttle,
        ending,
        pairs,
        deletion,
        profiles,
        bots,
        key,
        auditor,
        live,
        tuning,
    )
    reminder = Reminder(store.sessions, gateways, clock)
    await reminder.begin()
    elsewhere = (GroupMemberships(neighbours.groups), PersonalLogs(neighbours.log, outbox))
    remains = Remains(
        store.deletions,
        store.sessions,
        store.relations,
        pairs,
        store.oversight,
        elsewhere,
        bots,
        ending,
        deletion.begun,
        clock,
    )
    following, lifting = LiveFollower(tuning.newer, live, clock), Lifting(store.oversight, clock)
    background = (outbox.run, gateways.watch, nodes.watch, reminder.run, remains.run, following.run, lifting.run)
    return Service(servicers(neighbours, settings, parts), auditor, background, store.reads, tuning.stop)


async def build(member: Member, settings: Settings) -> None:
    """Make the service part of a process of the mesh."""
    neighbours = Neighbours(
        clock=member.clock,
        ids=member.ids,
        keys=member.keys_folder,
        signer=member.access_signer(),
        revocations=member.revocations,
        broker=member.broker,
        registry=member.registry,
        routes=member.routes,
        log=member.channels.stub(LogServiceStub, "message"),
        groups=member.channels.stub(GroupServiceStub, "group"),
        media=member.channels.stub(MediaServiceStub, "message"),
    )
    service = await assemble(neighbours, settings, await member.process.enter(AsyncExitStack()))
    member.process.telemetry.count_reads("user", service.reads)
    for servicer, contract in service.servicers:
        member.server.add(servicer, contract, audit=service.audit)
    member.process.on_drain(service.stop)
    for work in service.background:
        member.process.spawn(work(), f"user-{work.__qualname__}")


def _gateways(neighbours: Neighbours) -> NodeGateways:
    return NodeGateways(neighbours.routes, neighbours.broker, neighbours.registry, neighbours.revocations)
