"""The composition root of the message service."""

from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Self

from mesh.breaker import Breaker
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
from svc_message.application.attending import Attending
from svc_message.application.care_media import MediaCare
from svc_message.application.conversations import Conversations
from svc_message.application.deliver import Deliverer
from svc_message.application.departures import Departures
from svc_message.application.doubts import Doubts
from svc_message.application.expire import Expirer
from svc_message.application.explain import Explain
from svc_message.application.export import Exports
from svc_message.application.fetch_media import Fetching
from svc_message.application.follow import Follower, Terms
from svc_message.application.forget import Forgetting
from svc_message.application.history import Histories
from svc_message.application.media_rights import MediaRights
from svc_message.application.memory import Memory
from svc_message.application.own import OwnStates
from svc_message.application.posts import Posts
from svc_message.application.present import Present
from svc_message.application.preview_link import Previews
from svc_message.application.process_media import Processing
from svc_message.application.push import Deliver, Pace, Pushes
from svc_message.application.push_letters import PushLetters
from svc_message.application.readers import Readers
from svc_message.application.receipts import Receipts
from svc_message.application.remember import RememberedLog
from svc_message.application.retain import Retention
from svc_message.application.schedule import Scheduler
from svc_message.application.screen import Screen
from svc_message.application.search import Search
from svc_message.application.send import Sender
from svc_message.application.service_append import ServiceAppend
from svc_message.application.shown import Shown
from svc_message.application.signals import Signals
from svc_message.application.summaries import Summaries
from svc_message.application.sweep import Sweep
from svc_message.application.sync import Sync
from svc_message.application.tell import Teller
from svc_message.application.upload import Uploads
from svc_message.application.veils import Veils
from svc_message.consumer import Consumer
from svc_message.domain.conversation import UserId
from svc_message.domain.media import MediaLimits
from svc_message.domain.outside import Backoff
from svc_message.domain.push import Carrier
from svc_message.domain.sink import PUSH, Sink
from svc_message.infrastructure import counters
from svc_message.infrastructure.calls_outside import open_channel
from svc_message.infrastructure.carriers import LoggedCarrier, WebhookCarrier
from svc_message.infrastructure.contacts import DirectoryContacts
from svc_message.infrastructure.entries import ProtobufCodec
from svc_message.infrastructure.event_calls import EventCalls
from svc_message.infrastructure.event_sinks import CalledSink, SinkSettings, WebhookSink, sinks_of
from svc_message.infrastructure.examiner import ExaminerPool
from svc_message.infrastructure.media_uses import ProtobufMediaUses
from svc_message.infrastructure.news import ProtobufNews
from svc_message.infrastructure.nodes import NodeTopics, Unreached
from svc_message.infrastructure.notices import ProtobufNotices
from svc_message.infrastructure.outside import (
    Address,
    EventSettings,
    OutsideSettings,
    PolicySettings,
    PushSettings,
    address_of,
    secret_of,
)
from svc_message.infrastructure.policy import CalledPolicy
from svc_message.infrastructure.privacy import DirectoryPrivacy
from svc_message.infrastructure.push_targets import DirectoryTargets
from svc_message.infrastructure.reading import ProtobufReading
from svc_message.infrastructure.store import Store, open_store
from svc_message.infrastructure.vault import open_vault
from svc_message.infrastructure.web import AiohttpWeb, SystemNames
from svc_message.infrastructure.webhook import Webhook, Webhooks, open_webhooks
from svc_message.infrastructure.whereabouts import KeyValueWhereabouts
from svc_message.servicer import contents

BACK_HOLDS: Final = 5
"""How many times longer those who have left are waited for: after a deployment of gateways all come back, in turns."""


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
    outside: OutsideSettings = field(default_factory=OutsideSettings)
    push: PushSettings = field(default_factory=PushSettings)
    policy: PolicySettings = field(default_factory=PolicySettings)
    events: EventSettings = field(default_factory=EventSettings)


async def build(member: Member, settings: Settings) -> None:
    """Build the service."""
    store = await member.process.enter(open_store(settings.store_url, settings.store_password))
    member.process.telemetry.count_reads("message", store.reads)
    log, members = store.log, store.members
    directory = member.channels.stub(UserDirectoryServiceStub, "user")
    contacts, privacy = DirectoryContacts(directory), DirectoryPrivacy(directory, member.clock)
    shown = Shown(privacy)
    routes = RouteMemory(member.routes, member.holders, member.clock)
    programs = await Programs(member, store, settings.outside).open(settings, routes)
    deliverer = Deliverer(NodeTopics(routes, member.broker, member.registry, programs.unreached))
    conversations = Conversations(log, members, contacts, member.clock)
    memory = Memory(log, members)
    codec, notices = ProtobufCodec(), ProtobufNotices()
    appender = Appender(RememberedLog(log, memory), codec, conversations, member.clock, deliverer.push)
    receipts = Receipts(members, conversations, memory, shown, programs.hearing(deliverer.push))
    reading = ProtobufReading()
    present = Present(store.changes, reading)
    rights = MediaRights(store.media, log, members, ProtobufMediaUses())
    sender = Sender(log, store.changes, present, conversations, appender, member.clock, rights, programs.screen)
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
    log_servicer = servicer.LogServicer(append, sync, signals, Forgetting(store.belongings))
    member.server.add(log_servicer, log_service_pb2.DESCRIPTOR.services_by_name["LogService"])
    doubts = Doubts(conversations, privacy.forget)
    consumer = Consumer(member.broker, topic_of(member.node), conversations, doubts, routes, programs.left)
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


class Programs:
    """Opens what talks to programs of the installation outside the mesh; nothing of it, where none is named."""

    def __init__(self, member: Member, store: Store, settings: OutsideSettings) -> None:
        self._member = member
        self._store = store
        self._authority = settings.authority
        self._rendezvous = Rendezvous()
        self._webhooks: Webhooks | None = None
        self.left: Callable[[Sequence[str]], None] | None = None
        """What is to hear of users who have left."""
        self.unreached: Unreached | None = None
        """What is to hear of deliveries that had users without any device."""
        self.hearing: Callable[[Deliver], Deliver] = lambda deliver: deliver
        """What is put around the deliverer to hear who has read."""
        self.screen: Screen | None = None
        """Who is asked about posts and edits."""

    async def open(self, settings: Settings, routes: RouteMemory) -> Self:
        """Open what the settings name."""
        if settings.push.url:
            await self._open_push(settings.push, routes)
        if settings.policy.url:
            self.screen = await self._open_policy(settings.policy)
        await self._open_sinks(settings.events)
        return self

    async def _open_push(self, settings: PushSettings, routes: RouteMemory) -> None:
        """Notifications for those who are away."""
        member, outside, clock = self._member, self._store.outside, self._member.clock
        directory = member.channels.stub(UserDirectoryServiceStub, "user")
        count = counters.Pushes(member.process.telemetry)
        letters = PushLetters(outside.letters, self._store.log, ProtobufNews(), clock, count)
        targets = DirectoryTargets(directory, clock)

        async def absent(user_ids: Collection[UserId]) -> set[UserId]:
            return set(user_ids) - (await routes.lookup(user_ids)).keys()

        teller = Teller(
            await self._carrier(settings),
            targets,
            Attending(self._store.owns, self._store.quiet, clock),
            self._store.members,
            absent,
            clock,
            count=count,
            bury=letters.bury,
            backoff=Backoff(settings.retry_seconds),
        )
        pace = Pace(settings.hold_seconds, settings.pause_seconds)
        pushes = Pushes(teller, targets, ProtobufNews(), clock, pace, count)
        self._run(pushes.run(), "pushes")
        self._run(teller.run(), "teller")
        self._run(letters.run(teller, lambda: self._owns(PUSH)), "push-letters")
        stores = (self._store.log, self._store.members)
        departures = Departures(
            teller, targets, absent, *stores, ProtobufNews(), self._owns, clock, BACK_HOLDS * settings.hold_seconds
        )
        self._run(departures.run(), "departures")
        self.left, self.unreached, self.hearing = departures.left, pushes.unreached, pushes.hearing

    async def _carrier(self, settings: PushSettings) -> Carrier:
        if settings.url == "log://":
            return LoggedCarrier()
        address = address_of("MESSAGE_PUSH_URL", settings.url, "https")
        secret = secret_of("MESSAGE_PUSH_SECRET", settings.secret)
        return WebhookCarrier(await self._webhook(address, secret, settings.deadline_seconds))

    async def _open_policy(self, settings: PolicySettings) -> Screen:
        """Who is asked about posts and edits."""
        address = address_of("MESSAGE_POLICY_URL", settings.url, "grpcs")
        secret = secret_of("MESSAGE_POLICY_SECRET", settings.secret)
        channel = await self._member.process.enter(open_channel(address, self._authority))
        clock, observe = self._member.clock, counters.Policy(self._member.process.telemetry)
        policy = CalledPolicy(channel, secret, settings.deadline_seconds)
        return Screen(policy, Breaker("policy", clock), clock, fail_open=settings.fail_open, observe=observe)

    async def _open_sinks(self, settings: EventSettings) -> None:
        """Who is told of every entry."""
        backoff = Backoff(settings.retry_seconds)
        terms = Terms(settings.poll_seconds, settings.tries, settings.from_start, backoff)
        observe = counters.Sinks(self._member.process.telemetry)
        outside, clock = self._store.outside, self._member.clock
        for one in sinks_of(settings.sinks):
            sink = await self._sink(one, settings.deadline_seconds)
            stores = (outside.feed, outside.places, outside.letters, self._store.log)
            follower = Follower(sink, *stores, self._owns, clock, terms, observe)
            self._run(follower.run(), f"sink-{one.name}")

    async def _sink(self, one: SinkSettings, deadline_s: float) -> Sink:
        if one.address.scheme.startswith("http"):
            return WebhookSink(one, await self._webhook(one.address, one.secret, deadline_s))
        channel = await self._member.process.enter(open_channel(one.address, self._authority))
        return CalledSink(one, EventCalls(channel, one.secret, deadline_s))

    async def _webhook(self, address: Address, secret: Secret, deadline_s: float) -> Webhook:
        if self._webhooks is None:
            self._webhooks = await self._member.process.enter(open_webhooks(self._authority, self._member.clock))
        return self._webhooks.to(address.target, secret, deadline_s)

    def _run(self, work: Coroutine[object, object, None], name: str) -> None:
        self._member.process.spawn(self._member.once_joined(work), f"message-{name}")

    def _owns(self, name: str) -> bool:
        """One of the live nodes tells a program; a node that sees none tells them all."""
        owner = self._rendezvous.owner(self._member.registry.nodes("message"), f"program/{name}")
        return owner is None or owner.id == self._member.node.id


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
    media = servicer.MediaServicer(uploads, fetching, previews, rights, limits)
    member.server.add(media, media_service_pb2.DESCRIPTOR.services_by_name["MediaService"])
    member.process.spawn(MediaCare(records, vault, processing, clock).run(), "message-media-care")
