"""Wires what all that users, services and administrators call is made of."""

from dataclasses import dataclass

from mesh.member import Member
from mesh.route_memory import RouteMemory
from mesh.share import Share
from mesh.telemetry import Telemetry
from mesh.vitals import show_database
from parley.directory.v1.directory_service_pb2_grpc import UserDirectoryServiceStub
from svc_message.app.bots import show_bots
from svc_message.app.moderation import modes_of
from svc_message.app.programs import Programs
from svc_message.app.settings import Settings
from svc_message.application.agenda import Agenda
from svc_message.application.append import Appender
from svc_message.application.bots.sights import Sights
from svc_message.application.bots.unread import Unreads
from svc_message.application.conversations import Conversations
from svc_message.application.deliver import Deliver, Deliverer
from svc_message.application.judging.modes import Modes
from svc_message.application.service_append import ServiceAppend
from svc_message.application.sync.memory import Memory
from svc_message.application.sync.remember import RememberedLog
from svc_message.application.sync.shown import Shown
from svc_message.infrastructure.blocks import DirectoryBlocks
from svc_message.infrastructure.contacts import DirectoryContacts
from svc_message.infrastructure.entries import ProtobufCodec
from svc_message.infrastructure.nodes import NodeTopics
from svc_message.infrastructure.notices import ProtobufNotices
from svc_message.infrastructure.privacy import DirectoryPrivacy
from svc_message.infrastructure.store import Store, open_store


@dataclass(frozen=True, slots=True)
class People:
    """What users are to each other, as the user service says."""

    contacts: DirectoryContacts
    privacy: DirectoryPrivacy
    blocks: DirectoryBlocks
    shown: Shown


@dataclass(frozen=True, slots=True)
class Bots:
    """What bots are shown of what is read and listed; `show` has them shown what is delivered."""

    sights: Sights
    show: Deliver
    unreads: Unreads


@dataclass(frozen=True, slots=True)
class Owned:
    """The conversations that this node owns, what is remembered of them, and their one writer."""

    conversations: Conversations
    memory: Memory
    agenda: Agenda
    appender: Appender
    append: ServiceAppend


@dataclass(frozen=True, slots=True)
class Parts:
    """What the use cases share, opened."""

    member: Member
    settings: Settings
    store: Store
    share: Share
    routes: RouteMemory
    modes: Modes
    programs: Programs
    deliverer: Deliverer
    people: People
    bots: Bots
    owned: Owned
    codec: ProtobufCodec
    notices: ProtobufNotices


async def open_parts(member: Member, settings: Settings) -> Parts:
    """Open the store and what talks to programs outside; the process closes them. Raises SettingError."""
    store = await member.process.enter(open_store(settings.store_url, settings.store_password))
    member.process.telemetry.count_reads("message", store.reads)
    show_database(member.process.telemetry, "message", store.database)
    routes = RouteMemory(member.routes, member.holders, member.clock)
    share, modes = Share(member.registry, member.service, member.node), modes_of(settings)
    programs = await Programs(member, share, store, settings.outside, modes).open(settings, routes)
    deliverer = programs.follow(Deliverer(NodeTopics(routes, member.broker, member.registry, programs.unreached)))
    people, bots, codec = _people(member), Bots(*show_bots(member, store, routes)), ProtobufCodec()
    owned = _owned(member, store, people, bots, deliverer, codec)
    notices = ProtobufNotices()
    return Parts(
        member, settings, store, share, routes, modes, programs, deliverer, people, bots, owned, codec, notices
    )


def _people(member: Member) -> People:
    directory = member.channels.stub(UserDirectoryServiceStub, "user")
    privacy, blocks = DirectoryPrivacy(directory, member.clock), DirectoryBlocks(directory, member.clock)
    return People(DirectoryContacts(directory), privacy, blocks, Shown(privacy, blocks))


def _owned(
    member: Member, store: Store, people: People, bots: Bots, deliverer: Deliverer, codec: ProtobufCodec
) -> Owned:
    conversations = Conversations(store.log, store.members, people.contacts, member.clock)
    memory, agenda = Memory(store.log, store.members), Agenda(member.clock)
    log = RememberedLog(store.log, memory)
    appender = Appender(log, codec, conversations, member.clock, deliverer.push, agenda.note, bots.show)
    _show_pressure(member.process.telemetry, appender, deliverer)
    return Owned(conversations, memory, agenda, appender, ServiceAppend(conversations, appender, log, member.clock))


def _show_pressure(telemetry: Telemetry, appender: Appender, deliverer: Deliverer) -> None:
    """Show what waits for the store, and what was given up because too much waited."""
    telemetry.show("log.waiting", "{message}", "messages that wait for a commit", lambda: appender.waiting)
    telemetry.total("log.refused", "{message}", "messages refused, too much waited", lambda: appender.refused)
    telemetry.total("delivery.dropped", "{delivery}", "deliveries dropped, too much waited", lambda: deliverer.dropped)
