"""The composition root of the message service."""

from collections.abc import Callable
from dataclasses import dataclass, field

from mesh.audit import RemoteAudit
from mesh.broker import topic_of
from mesh.holds import Holds
from mesh.infrastructure.aho_corasick import make_finder
from mesh.live import Live, SendRate
from mesh.live_follow import LiveFollower, RemoteLive
from mesh.member import Member
from mesh.rendezvous import Rendezvous
from mesh.route_memory import RouteMemory
from mesh.settings import Secret
from parley.admin.v1 import message_admin_service_pb2
from parley.admin.v1.audit_service_pb2_grpc import AuditServiceStub
from parley.admin.v1.live_settings_service_pb2_grpc import LiveSettingsServiceStub
from parley.conversation.v1 import conversation_service_pb2
from parley.directory.v1.directory_service_pb2_grpc import UserDirectoryServiceStub
from parley.link.v1 import link_service_pb2
from parley.log.v1 import log_service_pb2
from parley.media.v1 import media_service_pb2
from parley.message.v1 import message_service_pb2
from parley.report.v1 import report_admin_service_pb2, report_service_pb2
from svc_message import servicer
from svc_message.application.append import Appender
from svc_message.application.broadcast import Announcing, Writing
from svc_message.application.care_media import MediaCare
from svc_message.application.conversations import Conversations
from svc_message.application.count import Counting
from svc_message.application.deliver import Deliverer
from svc_message.application.doubts import Doubts
from svc_message.application.explain import Explain
from svc_message.application.fetch_media import Fetching
from svc_message.application.history import Histories
from svc_message.application.media_rights import MediaRights
from svc_message.application.memory import Memory
from svc_message.application.oversee import Overseer
from svc_message.application.posts import Posts
from svc_message.application.present import Present
from svc_message.application.preview_link import Previews
from svc_message.application.process_media import Processing
from svc_message.application.readers import Readers
from svc_message.application.receipts import Receipts
from svc_message.application.remember import RememberedLog
from svc_message.application.report import Deciding, Reporting, Telling
from svc_message.application.review import Reviewing
from svc_message.application.search import Search
from svc_message.application.send import Sender
from svc_message.application.send_rate import SendRates
from svc_message.application.service_append import ServiceAppend
from svc_message.application.shown import Shown
from svc_message.application.signals import Signals
from svc_message.application.sync import Sync
from svc_message.application.upload import Uploads
from svc_message.consumer import Consumer
from svc_message.domain.broadcast import Broadcasts
from svc_message.domain.media import MediaLimits
from svc_message.infrastructure.contacts import DirectoryContacts
from svc_message.infrastructure.entries import ProtobufCodec, recall
from svc_message.infrastructure.examiner import ExaminerPool
from svc_message.infrastructure.hides import NothingHidden
from svc_message.infrastructure.media_uses import ProtobufMediaUses
from svc_message.infrastructure.nodes import NodeTopics
from svc_message.infrastructure.people import DirectoryPeople, encode_text
from svc_message.infrastructure.privacy import DirectoryPrivacy
from svc_message.infrastructure.reading import ProtobufReading
from svc_message.infrastructure.report_notices import encode as encode_decision
from svc_message.infrastructure.store import Store, open_store
from svc_message.infrastructure.texts import WordScreen
from svc_message.infrastructure.vault import open_vault
from svc_message.infrastructure.web import AiohttpWeb, SystemNames
from svc_message.infrastructure.whereabouts import KeyValueWhereabouts


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
    `store_password`. One user sends `sends_burst` messages at once and `sends_per_second` in the long run, at one node;
    0 sets no limit.
    """

    store_url: str = "sqlite:var/message.db"
    store_password: Secret = Secret()
    sends_burst: int = 20
    sends_per_second: float = 10.0
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
    appender = Appender(RememberedLog(log, memory), ProtobufCodec(), conversations, member.clock, deliverer.push)
    receipts = Receipts(members, conversations, memory, shown, deliverer.push)
    reading = ProtobufReading()
    present = Present(store.changes, reading)
    histories = Histories(log, members, store.changes, present, reading, shown)
    reporting = Reporting(store.reports, log, histories, member.ids, member.clock)
    live, reviewing = Live(make_finder), Reviewing(reporting, member.clock)
    following = LiveFollower(RemoteLive(member.channels.stub(LiveSettingsServiceStub, "user")), live, member.clock)
    rates = SendRates(live, _rate(settings), member.clock)
    screen = WordScreen(live, reviewing.note)
    rights = MediaRights(store.media, log, members, ProtobufMediaUses())
    sender = Sender(log, store.changes, present, conversations, appender, screen, member.clock, rights)
    signals, sync = Signals(conversations, deliverer.push), Sync(log, memory, shown)
    posts = Posts(histories, store.changes, present)
    search = Search(store.index, log, members, store.changes, histories, reading, NothingHidden())
    explain = Explain(posts, members, shown, KeyValueWhereabouts(member.routes))
    about = servicer.AboutPosts(posts, Readers(posts, members, shown), search, explain)
    links = servicer.GatewayLinks(sender, receipts, signals, sync, Holds(member.clock), rates)
    member.accept_links(links.accept)
    member.server.add(servicer.LinkServicer(links), link_service_pb2.DESCRIPTOR.services_by_name["LinkService"])
    append = ServiceAppend(conversations, appender)
    messages = servicer.MessageServicer(sender, histories, about, reporting, rates)
    _serve_edge(member, messages, servicer.ConversationServicer(histories, sync, receipts, about.posts))
    await _serve_media(member, settings.media, store, rights)
    contract = report_service_pb2.DESCRIPTOR.services_by_name["ReportService"]
    member.server.add(servicer.ReportServicer(reporting), contract)
    _oversee(member, store, Overseer(log, conversations, appender, recall, member.clock), append, appender)
    log_servicer = servicer.LogServicer(append, sync, signals, store.erasures)
    member.server.add(log_servicer, log_service_pb2.DESCRIPTOR.services_by_name["LogService"])
    doubts = Doubts(conversations, privacy.forget)
    consumer = Consumer(member.broker, topic_of(member.node), conversations, doubts, routes)
    for loop in (appender.run, deliverer.run, receipts.run, consumer.run, doubts.run):
        member.process.spawn(loop(), f"message-{loop.__qualname__}")
    member.process.spawn(reviewing.run(), "message-reviews")
    member.process.spawn(member.once_joined(following.run()), "message-live-settings")


def _rate(settings: Settings) -> SendRate | None:
    unlimited = settings.sends_burst <= 0 or settings.sends_per_second <= 0
    return None if unlimited else SendRate(settings.sends_burst, settings.sends_per_second)


def _serve_edge(
    member: Member, messages: servicer.MessageServicer, conversations: servicer.ConversationServicer
) -> None:
    """Add what users call."""
    member.server.add(messages, message_service_pb2.DESCRIPTOR.services_by_name["MessageService"])
    member.server.add(conversations, conversation_service_pb2.DESCRIPTOR.services_by_name["ConversationService"])


def _oversee(member: Member, store: Store, overseer: Overseer, append: ServiceAppend, appender: Appender) -> None:
    """Add what administrators do with messages, and what goes on because of it."""
    clock, leads = member.clock, _leader(member)
    telling = Telling(store.reports, append, encode_decision, clock)
    counting = Counting(store.statistics, leads, clock)
    announcing = Announcing(
        store.broadcasts, _broadcasting(member, store.broadcasts, append, appender, leads), member.ids, clock
    )
    messages = servicer.MessageAdminServicer(overseer, announcing, counting)
    _serve_administrators(member, messages, Deciding(store.reports, telling, clock))
    for loop in (telling.run, counting.run):
        member.process.spawn(loop(), f"message-{loop.__qualname__}")


def _leader(member: Member) -> Callable[[], bool]:
    """Whether this node does what one of the nodes does for all."""
    rendezvous = Rendezvous()

    def leads() -> bool:
        owner = rendezvous.owner(member.registry.nodes("message"), "for all")
        return owner is None or owner.id == member.node.id

    async def follow() -> None:
        async for _ in member.registry.watch("message"):
            continue

    member.process.spawn(follow(), "message-peers")
    return leads


def _broadcasting(
    member: Member, broadcasts: Broadcasts, append: ServiceAppend, appender: Appender, leads: Callable[[], bool]
) -> Writing:
    """What goes on with broadcasts."""
    people = DirectoryPeople(member.channels.stub(UserDirectoryServiceStub, "user"))
    writing = Writing(broadcasts, people, append, appender, encode_text, leads, member.clock)
    member.process.spawn(member.once_joined(writing.run()), "message-broadcasts")
    return writing


def _serve_administrators(member: Member, messages: servicer.MessageAdminServicer, deciding: Deciding) -> None:
    """Add what administrators call; the user service writes down what they do."""
    audit = RemoteAudit(member.channels.stub(AuditServiceStub, "user"))
    reports = report_admin_service_pb2.DESCRIPTOR.services_by_name["ReportAdminService"]
    member.server.add(servicer.ReportAdminServicer(deciding), reports, audit=audit)
    contract = message_admin_service_pb2.DESCRIPTOR.services_by_name["MessageAdminService"]
    member.server.add(messages, contract, audit=audit)


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
