"""How the user service is put together."""

from contextlib import AsyncExitStack

from mesh.live_follow import LiveFollower
from mesh.member import Member
from mesh.vitals import show_database
from parley.group.v1.group_service_pb2_grpc import GroupServiceStub
from parley.log.v1.log_service_pb2_grpc import LogServiceStub
from parley.media.v1.media_service_pb2_grpc import MediaServiceStub
from svc_user.app.parts import Neighbours, Parts, Service, open_parts
from svc_user.app.servicers import servicers
from svc_user.app.settings import DeviceSettings, Settings
from svc_user.application.delete_account import Remains
from svc_user.application.lift import Lifting
from svc_user.application.remind import Reminder
from svc_user.infrastructure.groups import GroupMemberships
from svc_user.infrastructure.log import PersonalLogs

__all__ = ["DeviceSettings", "Neighbours", "Service", "Settings", "assemble", "build"]


async def assemble(neighbours: Neighbours, settings: Settings, stack: AsyncExitStack) -> Service:
    """Open the store and wire the service; what was opened closes with the stack."""
    parts = await open_parts(neighbours, settings, stack)
    store, clock = parts.store, neighbours.clock
    reminder = Reminder(store.sessions, parts.gateways, clock)
    await reminder.begin()
    remains, following = _remains(neighbours, parts), LiveFollower(parts.tuning.newer, parts.live, clock)
    background = (
        parts.outbox.run,
        parts.gateways.watch,
        parts.nodes.watch,
        reminder.run,
        remains.run,
        following.run,
        Lifting(store.oversight, clock).run,
    )
    served, stop = servicers(neighbours, settings, parts), parts.tuning.stop
    return Service(served, parts.auditor, background, store.reads, store.database, stop)


def _remains(neighbours: Neighbours, parts: Parts) -> Remains:
    """What takes away the rest of deleted accounts, here and elsewhere."""
    store = parts.store
    return Remains(
        store.deletions,
        store.sessions,
        store.relations,
        parts.pairs,
        store.oversight,
        (GroupMemberships(neighbours.groups), PersonalLogs(neighbours.log, parts.outbox)),
        parts.bots,
        parts.ending,
        parts.deletion.begun,
        neighbours.clock,
    )


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
    show_database(member.process.telemetry, "user", service.database)
    for servicer, contract in service.servicers:
        member.server.add(servicer, contract, audit=service.audit)
    member.process.on_drain(service.stop)
    for work in service.background:
        member.process.spawn(work(), f"user-{work.__qualname__}")
