"""Wires what talks to programs outside the mesh: notifications, the policy, those who hear of every entry."""

from collections.abc import Callable, Coroutine, Sequence
from collections.abc import Set as AbstractSet
from typing import Self

from mesh.breaker import Breaker
from mesh.member import Member
from mesh.route_memory import RouteMemory
from mesh.settings import Secret
from mesh.share import Share
from svc_message.app.pushing import Pushing
from svc_message.app.settings import Settings
from svc_message.application.deliver import Deliver, Deliverer
from svc_message.application.follow import Follower, Terms
from svc_message.application.judging.modes import Modes
from svc_message.application.judging.screen import Screen
from svc_message.application.push.icons import Icons
from svc_message.domain.outside.program import Backoff
from svc_message.domain.outside.sink import Sink
from svc_message.domain.push.notification import Carrier
from svc_message.infrastructure.nodes import Unreached
from svc_message.infrastructure.outside import counters
from svc_message.infrastructure.outside.addresses import (
    Address,
    EventSettings,
    OutsideSettings,
    PolicySettings,
    PushSettings,
    address_of,
    secret_of,
)
from svc_message.infrastructure.outside.calls import open_channel
from svc_message.infrastructure.outside.event_calls import EventCalls
from svc_message.infrastructure.outside.event_sinks import CalledSink, SinkSettings, WebhookSink, sinks_of
from svc_message.infrastructure.outside.policy import CalledPolicy
from svc_message.infrastructure.outside.webhook import NOT_THIS, Webhook, Webhooks, open_webhooks
from svc_message.infrastructure.push.carriers import REFUSALS, LoggedCarrier, WebhookCarrier
from svc_message.infrastructure.store import Store


class Programs:
    """Opens what talks to programs of the installation outside the mesh; nothing of it, where none is named."""

    def __init__(self, member: Member, share: Share, store: Store, settings: OutsideSettings, modes: Modes) -> None:
        self._member = member
        self._share = share
        self._store = store
        self._authority = settings.authority
        self._modes = modes
        self._webhooks: Webhooks | None = None
        self._pushing: Pushing | None = None
        self.left: Callable[[Sequence[str]], None] | None = None
        """What is to hear of users who have left."""
        self.icons: Icons | None = None
        """What is to hear whom other nodes have sent a number."""
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

    def follow(self, deliverer: Deliverer) -> Deliverer:
        """Begin to tell those who are away of what goes through the deliverer."""
        if self._pushing is not None:
            self._pushing.begin(deliverer)
        return deliverer

    async def _open_push(self, settings: PushSettings, routes: RouteMemory) -> None:
        """Notifications for those who are away."""
        carrier = await self._carrier(settings)
        pushing = Pushing(self._member, self._share, self._store, settings, carrier, routes)
        self._pushing = await pushing.open()
        self.left, self.icons, self.unreached, self.hearing = pushing.hears()

    async def _carrier(self, settings: PushSettings) -> Carrier:
        if settings.url == "log://":
            return LoggedCarrier()
        address = address_of("MESSAGE_PUSH_URL", settings.url, "https")
        secret = secret_of("MESSAGE_PUSH_SECRET", settings.secret)
        return WebhookCarrier(await self._webhook(address, secret, settings.deadline_seconds, REFUSALS))

    async def _open_policy(self, settings: PolicySettings) -> Screen:
        """Who is asked about posts and edits."""
        address = address_of("MESSAGE_POLICY_URL", settings.url, "grpcs")
        secret = secret_of("MESSAGE_POLICY_SECRET", settings.secret)
        channel = await self._member.process.enter(open_channel(address, self._authority))
        clock, observe = self._member.clock, counters.Policy(self._member.process.telemetry)
        policy = CalledPolicy(channel, secret, settings.deadline_seconds)
        return Screen(policy, Breaker("policy", clock), clock, mode=self._modes.policy, observe=observe)

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

    async def _webhook(
        self, address: Address, secret: Secret, deadline_s: float, refusals: AbstractSet[int] = NOT_THIS
    ) -> Webhook:
        if self._webhooks is None:
            self._webhooks = await self._member.process.enter(open_webhooks(self._authority, self._member.clock))
        return self._webhooks.to(address.target, secret, deadline_s, refusals)

    def _run(self, work: Coroutine[object, object, None], name: str) -> None:
        self._member.process.spawn(self._member.once_joined(work), f"message-{name}")

    def _owns(self, name: str) -> bool:
        """One of the live nodes tells a program; a node that sees none tells them all."""
        return self._share.has(f"program/{name}")
