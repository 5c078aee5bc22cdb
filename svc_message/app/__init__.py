"""The composition root of the message service."""

from collections.abc import Callable, Coroutine
from functools import partial

from mesh.broker import topic_of
from mesh.holds import Holds
from mesh.member import Member
from mesh.route_memory import RouteMemory
from mesh.share import Share
from parley.conversation.v1 import conversation_service_pb2
from parley.directory.v1.directory_service_pb2_grpc import UserDirectoryServiceStub
from parley.link.v1 import link_service_pb2
from parley.log.v1 import log_service_pb2
from parley.message.v1 import message_service_pb2
from svc_message import servicer
from svc_message.app.media import serve_media
from svc_message.app.moderation import moderate, modes_of
from svc_message.app.oversight import oversee
from svc_message.app.programs import Programs
from svc_message.app.settings import MediaSettings, Settings
from svc_message.application.administration.oversee import Overseer
from svc_message.application.agenda import Agenda
from svc_message.application.append import Appender
from svc_message.application.conversations import Conversations
from svc_message.application.deliver import Deliverer
from svc_message.application.doubts import Doubts
from svc_message.application.media.rights import MediaRights
from svc_message.application.own.change import OwnStates
from svc_message.application.own.export import Exports
from svc_message.application.own.forget import Forgetting
from svc_message.application.own.veils import Veils
from svc_message.application.reading.explain import Explain
from svc_message.application.reading.history import Histories
from svc_message.application.reading.posts import Posts
from svc_message.application.reading.present import Present
from svc_message.application.reading.readers import Readers
from svc_message.application.reading.search import Search
from svc_message.application.send import Sender
from svc_message.application.service_append import ServiceAppend
from svc_message.application.signals import Signals
from svc_message.application.sync.catch_up import Sync
from svc_message.application.sync.marks import MarkTeller
from svc_message.application.sync.memory import Memory
from svc_message.application.sync.receipts import Receipts
from svc_message.application.sync.remember import RememberedLog
from svc_message.application.sync.shown import Shown
from svc_message.application.sync.summaries import Summaries
from svc_message.application.timing.expire import Expirer
from svc_message.application.timing.retain import Retention
from svc_message.application.timing.schedule import Scheduler
from svc_message.application.timing.sweep import Sweep
from svc_message.consumer import Consumer
from svc_message.infrastructure.contacts import DirectoryContacts
from svc_message.infrastructure.entries import ProtobufCodec, recall
from svc_message.infrastructure.media.uses import ProtobufMediaUses
from svc_message.infrastructure.nodes import NodeTopics
from svc_message.infrastructure.notices import ProtobufNotices
from svc_message.infrastructure.privacy import DirectoryPrivacy
from svc_message.infrastructure.reading import ProtobufReading
from svc_message.infrastructure.store import open_store
from svc_message.infrastructure.whereabouts import KeyValueWhereabouts
from svc_message.servicer import contents

__all__ = ["MediaSettings", "Settings", "build"]


async def build(member: Member, settings: Settings) -> None:
    """Build the service."""
    store = await member.process.enter(open_store(settings.store_url, settings.store_password))
    member.process.telemetry.count_reads("message", store.reads)
    log, members = store.log, store.members
    directory = member.channels.stub(UserDirectoryServiceStub, "user")
    contacts, privacy = DirectoryContacts(directory), DirectoryPrivacy(directory, member.clock)
    shown = Shown(privacy)
    routes = RouteMemory(member.routes, member.holders, member.clock)
    share = Share(member.registry, member.service, member.node)
    modes = modes_of(settings)
    programs = await Programs(member, share, store, settings.outside, modes).open(settings, routes)
    deliverer = programs.follow(Deliverer(NodeTopics(routes, member.broker, member.registry, programs.unreached)))
    conversations = Conversations(log, members, contacts, member.clock)
    memory, agenda = Memory(log, members), Agenda(member.clock)
    codec, notices, reading = ProtobufCodec(), ProtobufNotices(), ProtobufReading()
    appender = Appender(RememberedLog(log, memory), codec, conversations, member.clock, deliverer.push, agenda.note)
    marks = MarkTeller(conversations, shown, programs.hearing(deliverer.push), member.clock)
    present = Present(store.changes, reading)
    histories = Histories(log, members, store.changes, present, reading, store.owns, codec)
    moderation = moderate(member, share, settings, store, histories, modes, programs.screen)
    rates, words, asked = moderation.rates, moderation.words, moderation.screening
    rights = MediaRights(store.media, log, members, ProtobufMediaUses())
    sender = Sender(log, store.changes, present, conversations, appender, words, member.clock, rights, asked)
    signals, sync = Signals(conversations, deliverer.push), Sync(log, memory, shown, codec)
    append = ServiceAppend(conversations, appender)
    owns = OwnStates(store.owns, store.quiet, log, members, memory, append, notices, member.clock, agenda)
    retention = Retention(store.retentions, log, conversations, memory, append, codec, notices)
    scheduler = Scheduler(
        store.schedules,
        log,
        conversations,
        sender,
        append,
        notices,
        contents.scheduled,
        deliverer.push,
        member.clock,
        agenda,
    )
    expirer = Expirer(store.expiries, log, append, notices, member.clock, agenda)
    receipts = Receipts(members, conversations, memory, marks.tell, expirer.read)
    steps = (owns.tell_due, expirer.begin_read, expirer.destroy_due, scheduler.send_due, retention.remove_due)
    sweep = Sweep(member.clock, partial(share.has, "sweep"), steps, agenda)
    summaries = Summaries(log, members, store.owns, store.retentions, shown, member.clock)
    posts = Posts(histories, store.changes, present)
    search = Search(store.index, log, members, store.changes, histories, reading, Veils(store.owns))
    explain = Explain(posts, members, shown, KeyValueWhereabouts(member.routes))
    about = servicer.AboutPosts(posts, Readers(posts, members, shown), search, explain)
    _serve_links(member, servicer.GatewayLinks(sender, receipts, signals, sync, Holds(member.clock), rates))
    messages = servicer.MessageServicer(sender, histories, about, owns, scheduler, moderation.reporting, rates)
    exports = Exports(log, members, store.owns)
    listed = servicer.ConversationServicer(summaries, sync, receipts, posts, owns, retention, exports)
    _serve_edge(member, messages, listed)
    clearing = await serve_media(member, share, settings.media, store, rights)
    oversee(member, share, store, Overseer(log, conversations, appender, recall, member.clock), append, appender)
    log_servicer = servicer.LogServicer(append, sync, signals, Forgetting(store.erasures, clearing))
    member.server.add(log_servicer, log_service_pb2.DESCRIPTOR.services_by_name["LogService"])
    doubts = Doubts(conversations, privacy.forget)
    consumer = Consumer(member.broker, topic_of(member.node), conversations, doubts, routes, programs.left)
    _spawn(member, appender.run, deliverer.run, receipts.run, marks.run, marks.end_windows)
    _spawn(member, consumer.run, doubts.run, sweep.run, share.follow)


def _spawn(member: Member, *loops: Callable[[], Coroutine[object, object, None]]) -> None:
    """Let these run as long as the process does."""
    for loop in loops:
        member.process.spawn(loop(), f"message-{loop.__qualname__}")


def _serve_links(member: Member, links: servicer.GatewayLinks) -> None:
    """Add what gateways call."""
    member.accept_links(links.accept)
    member.server.add(servicer.LinkServicer(links), link_service_pb2.DESCRIPTOR.services_by_name["LinkService"])


def _serve_edge(
    member: Member, messages: servicer.MessageServicer, conversations: servicer.ConversationServicer
) -> None:
    """Add what users call."""
    member.server.add(messages, message_service_pb2.DESCRIPTOR.services_by_name["MessageService"])
    member.server.add(conversations, conversation_service_pb2.DESCRIPTOR.services_by_name["ConversationService"])
