"""The composition root of the message service."""

from dataclasses import dataclass, field
from functools import partial

from mesh.broker import topic_of
from mesh.holds import Holds
from mesh.member import Member
from mesh.rendezvous import Rendezvous
from mesh.route_memory import RouteMemory
from mesh.settings import Secret
from parley.conversation.v1 import conversation_service_pb2
from parley.directory.v1.directory_service_pb2_grpc import UserDirectoryServiceStub
from parley.link.v1 import link_service_pb2
from parley.log.v1 import log_service_pb2
from parley.media.v1 import media_service_pb2
from parley.message.v1 import message_service_pb2
from svc_message import servicer
from svc_message.application.append import Appender
from svc_message.application.care_media import MediaCare
from svc_message.application.conversations import Conversations
from svc_message.application.deliver import Deliverer
from svc_message.application.doubts import Doubts
from svc_message.application.expire import Expirer
from svc_message.application.explain import Explain
from svc_message.application.export import Exports
from svc_message.application.fetch_media import Fetching
from svc_message.application.history import Histories
from svc_message.application.media_rights import MediaRights
from svc_message.application.memory import Memory
from svc_message.application.own import OwnStates
from svc_message.application.posts import Posts
from svc_message.application.present import Present
from svc_message.application.preview_link import Previews
from svc_message.application.process_media import Processing
from svc_message.application.readers import Readers
from svc_message.application.receipts import Receipts
from svc_message.application.remember import RememberedLog
from svc_message.application.retain import Retention
from svc_message.application.schedule import Scheduler
from svc_message.application.search import Search
from svc_message.application.send import Sender
from svc_message.application.service_append import ServiceAppend
from svc_message.application.shown import Shown
from svc_message.application.signals import Signals
from svc_message.application.summaries import Summaries
from svc_message.application.sweep import Sweep
from svc_message.application.sync import Sync
from svc_message.application.upload import Uploads
from svc_message.application.veils import Veils
from svc_message.consumer import Consumer
from svc_message.domain.media import MediaLimits
from svc_message.infrastructure.contacts import DirectoryContacts
from svc_message.infrastructure.entries import ProtobufCodec
from svc_message.infrastructure.examiner import ExaminerPool
from svc_message.infrastructure.media_uses import ProtobufMediaUses
from svc_message.infrastructure.nodes import NodeTopics
from svc_message.infrastructure.notices import ProtobufNotices
from svc_message.infrastructure.privacy import DirectoryPrivacy
from svc_message.infrastructure.reading import ProtobufReading
from svc_message.infrastructure.store import Store, open_store
from svc_message.infrastructure.vault import open_vault
from svc_message.infrastructure.web import AiohttpWeb, SystemNames
from svc_message.infrastructure.whereabouts import KeyValueWhereabouts
from svc_message.servicer import contents


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """`url` is where the bytes of media are: `disk:<folder>`, or `s3://<bucket>?endpoint=<url>&region=<name>` with the
    two keys.
    """

    url: str = "disk:var/media"
    access_key: Secret = Secret()
    secret_key: Secret = Secret()
    max_bytes: int = 100 * 1024 * 1024
    quota_bytes: int = 5 * 1024 * 1024 * 1024
    uploads: int = 20
    examiners: int = 2
    previews: bool = True

    def limits(self) -> MediaLimits:
        """What a user may have."""
        return MediaLimits(message_bytes=self.max_bytes, quota_bytes=self.quota_bytes, uploads=self.uploads)


@dataclass(frozen=True, slots=True)
class Settings:
    """`store_url` is where the logs are: `sqlite:<path>`, or `mongodb://<user>@<hosts>/<database>?<options>` with
    `store_password`.
    """

    store_url: str = "sqlite:var/message.db"
    store_password: Secret = Secret()
    media: MediaSettings = field(default_factory=MediaSettings)


async def build(member: Member, settings: Settings) -> None:
    """Build the service."""
    store = await member.process.enter(open_store(settings.store_url, settings.store_password))
    member.process.telemetry.count_reads("message", store.reads)
    log, members = store.log, store.members
    directory = member.channels.stub(UserDirectoryServiceStub, "user")
    contacts, privacy = DirectoryContacts(directory), DirectoryPrivacy(directory, member.clock)
    shown = Shown(privacy)
    routes = RouteMemory(member.routes, member.holders, member.clock)
    deliverer = Deliverer(NodeTopics(routes, member.broker, member.registry))
    conversations = Conversations(log, members, contacts, member.clock)
    memory = Memory(log, members)
    codec, notices = ProtobufCodec(), ProtobufNotices()
    appender = Appender(RememberedLog(log, memory), codec, conversations, member.clock, deliverer.push)
    receipts = Receipts(members, conversations, memory, shown, deliverer.push)
    reading = ProtobufReading()
    present = Present(store.changes, reading)
    rights = MediaRights(store.media, log, members, ProtobufMediaUses())
    sender = Sender(log, store.changes, present, conversations, appender, member.clock, rights)
    signals, sync = Signals(conversations, deliverer.push), Sync(log, memory, shown, codec)
    append = ServiceAppend(conversations, appender)
    owns = OwnStates(store.owns, store.quiet, log, members, memory, append, notices, member.clock)
    retention = Retention(store.retentions, log, conversations, memory, append, codec, notices)
    scheduler = Scheduler(
        store.schedules, log, conversations, sender, append, notices, contents.scheduled, deliverer.push, member.clock
    )
    expirer = Expirer(store.expiries, log, append, notices)
    steps = (owns.tell_due, expirer.begin_read, expirer.destroy_due, scheduler.send_due, retention.remove_due)
    sweep = Sweep(member.clock, partial(_sweeps, member, Rendezvous()), steps)
    histories = Histories(log, members, store.changes, present, reading, store.owns, codec)
    summaries = Summaries(log, members, store.owns, store.retentions, shown, member.clock)
    posts = Posts(histories, store.changes, present)
    search = Search(store.index, log, members, store.changes, histories, reading, Veils(store.owns))
    explain = Explain(posts, members, shown, KeyValueWhereabouts(member.routes))
    about = servicer.AboutPosts(posts, Readers(posts, members, shown), search, explain)
    links = servicer.GatewayLinks(sender, receipts, signals, sync, Holds(member.clock))
    member.accept_links(links.accept)
    member.server.add(servicer.LinkServicer(links), link_service_pb2.DESCRIPTOR.services_by_name["LinkService"])
    messages = servicer.MessageServicer(sender, histories, about, owns, scheduler)
    exports = Exports(log, members, store.owns)
    listed = servicer.ConversationServicer(summaries, sync, receipts, posts, owns, retention, exports)
    _serve_edge(member, messages, listed)
    await _serve_media(member, settings.media, store, rights)
    log_servicer = servicer.LogServicer(append, sync, signals)
    member.server.add(log_servicer, log_service_pb2.DESCRIPTOR.services_by_name["LogService"])
    doubts = Doubts(conversations, privacy.forget)
    consumer = Consumer(member.broker, topic_of(member.node), conversations, doubts, routes)
    for loop in (appender.run, deliverer.run, receipts.run, consumer.run, doubts.run, sweep.run):
        member.process.spawn(loop(), f"message-{loop.__qualname__}")
    member.process.spawn(_follow_nodes(member), "message-nodes")


def _sweeps(member: Member, rendezvous: Rendezvous) -> bool:
    """Whether this node does what happens at its time. When it is not known who else is there, it does."""
    owner = rendezvous.owner(member.registry.nodes(member.service), "sweep")
    return owner is None or owner.id == member.node.id


async def _follow_nodes(member: Member) -> None:
    """Keep the list fresh: a registry knows the nodes of what is watched."""
    async for _ in member.registry.watch(member.service):
        continue


def _serve_edge(
    member: Member, messages: servicer.MessageServicer, conversations: servicer.ConversationServicer
) -> None:
    """Add what users call."""
    member.server.add(messages, message_service_pb2.DESCRIPTOR.services_by_name["MessageService"])
    member.server.add(conversations, conversation_service_pb2.DESCRIPTOR.services_by_name["ConversationService"])


async def _serve_media(member: Member, settings: MediaSettings, store: Store, rights: MediaRights) -> None:
    """Add what users call for their files, and what looks after these."""
    records, limits, clock = store.media, settings.limits(), member.clock
    vault = await member.process.enter(open_vault(settings.url, settings.access_key, settings.secret_key, clock))
    examiner = await member.process.enter(ExaminerPool.opened(settings.examiners))
    processing = Processing(records, vault, examiner, clock)
    member.process.on_drain(processing.close)
    uploads = Uploads(records, vault, examiner, processing, limits, clock, member.ids)
    fetching = Fetching(records, vault, rights, clock)
    previews = Previews(AiohttpWeb() if settings.previews else None, SystemNames(), uploads, clock)
    media = servicer.MediaServicer(uploads, fetching, previews, limits)
    member.server.add(media, media_service_pb2.DESCRIPTOR.services_by_name["MediaService"])
    member.process.spawn(MediaCare(records, vault, processing, clock).run(), "message-media-care")
