"""Wires what tells those who are away."""

from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import Final, Self

from mesh.member import Member
from mesh.registry import Node
from mesh.route_memory import RouteMemory
from mesh.routes import HOLDERS
from mesh.share import Share
from parley.directory.v1.directory_service_pb2_grpc import UserDirectoryServiceStub
from svc_message.application.deliver import Deliver, Deliverer
from svc_message.application.push.attending import Attending
from svc_message.application.push.carrying import Gate
from svc_message.application.push.collect import Pace, Pushes
from svc_message.application.push.departures import Departures
from svc_message.application.push.icons import Icons
from svc_message.application.push.latest import Latest
from svc_message.application.push.letters import PushLetters
from svc_message.application.push.marks import TURN_S, Marks, Stretch
from svc_message.application.push.notices import Notices
from svc_message.application.push.resume import Nodes, Resumption
from svc_message.application.push.tell import Teller
from svc_message.domain.conversation import UserId
from svc_message.domain.outside.program import Backoff
from svc_message.domain.outside.sink import PUSH
from svc_message.domain.push.notification import Carrier
from svc_message.infrastructure.nodes import Unreached
from svc_message.infrastructure.outside import counters
from svc_message.infrastructure.outside.addresses import PushSettings
from svc_message.infrastructure.push.icon_news import IconNews
from svc_message.infrastructure.push.news import ProtobufNews
from svc_message.infrastructure.push.stranded import Stranded
from svc_message.infrastructure.push.targets import DirectoryTargets
from svc_message.infrastructure.store import Store

BACK_HOLDS: Final = 5
"""How many times longer those who have left are waited for: after a deployment of gateways all come back, in turns."""

KEPT_S: Final = 2 * TURN_S
"""In which a node has kept what it told."""


class Pushing:
    """All that notifies users of one message node."""

    def __init__(
        self,
        member: Member,
        share: Share,
        store: Store,
        settings: PushSettings,
        carrier: Carrier,
        routes: RouteMemory,
    ) -> None:
        self._member = member
        self._share = share
        self._store = store
        self._routes = routes
        self._stranded = Stranded(member.broker, self._owner, member.clock)
        self._first: list[Stretch] = []
        self._wait_s = BACK_HOLDS * settings.hold_seconds
        clock, log, outside = member.clock, store.log, store.outside
        self._count = counters.Pushes(member.process.telemetry)
        self._reader = reader = ProtobufNews()
        self._letters = PushLetters(outside.letters, log, reader, clock, self._count)
        self._targets = DirectoryTargets(member.channels.stub(UserDirectoryServiceStub, "user"), clock)
        self._marks = Marks(member.node.id, outside.push_marks, outside.feed, clock)
        self._icon_news = IconNews(member.broker, self._others)
        self._icons = Icons(self._icon_news.say)
        self._teller = self._new_teller(Gate(carrier, clock, Backoff(settings.retry_seconds), self._count.away))
        pace = Pace(settings.hold_seconds, settings.pause_seconds)
        self._pushes = Pushes(self._teller, self._targets, reader, self._marks, self._icons, clock, pace)
        looked = (self._absent, log, store.members, reader)
        told_s = settings.hold_seconds + settings.pause_seconds + KEPT_S
        wait_s = max(self._wait_s, told_s)
        self._departures = Departures(self._teller, self._targets, *looked, self._marks, self._owns, clock, wait_s)

    async def open(self) -> Self:
        """Take up the place that an earlier process of this node has left, before anything is delivered."""
        self._first = await self._marks.begin()
        return self

    def hears(self) -> tuple[Callable[[Sequence[str]], None], Icons, Unreached, Callable[[Deliver], Deliver]]:
        """What is to hear of users who have left, of icons, of whom a delivery found nowhere, and who has read."""
        return self._departures.left, self._icons, self._pushes.unreached, self._pushes.hearing

    def begin(self, deliverer: Deliverer) -> None:
        """Tell from now on, and go on with what an earlier process has left."""
        self._routes.listen(self._stranded.tell)
        letters = self._letters.run(self._teller, lambda: self._owns(PUSH))
        works = {"pushes": self._pushes.run(), "push-letters": letters, "departures": self._departures.run()}
        for name, work in {**works, "teller": self._teller.run(), "push-marks": self._marks.run(deliverer)}.items():
            self._run(work, name)
        self._run(self._resumption().run(self._first), "push-resume")
        self._run(self._stranded.run(), "push-stranded")
        self._run(self._icon_news.run(), "push-icons")
        self._run(self._notice_deaths(), "push-deaths")

    def _new_teller(self, gate: Gate) -> Teller:
        store, clock = self._store, self._member.clock
        return Teller(
            gate,
            self._targets,
            Attending(store.owns, store.quiet, clock),
            store.members,
            self._absent,
            self._marks,
            store.outside.push_marks,
            Notices(store.log, store.members, self._reader),
            Latest(store.log, self._reader),
            self._icons,
            clock,
            count=self._count,
            bury=self._letters.bury,
        )

    def _resumption(self) -> Resumption:
        store, registry, service = self._store, self._member.registry, self._member.service
        nodes = Nodes(self._member.node.id, lambda: [node.id for node in registry.nodes(service)], self._share.has)
        return Resumption(
            self._marks,
            store.outside.push_marks,
            store.outside.feed,
            store.members,
            self._reader,
            self._teller,
            self._targets,
            self._absent,
            nodes,
            self._member.clock,
            wait_s=self._wait_s,
            count=self._count,
        )

    async def _absent(self, user_ids: Collection[UserId]) -> set[UserId]:
        return set(user_ids) - (await self._routes.lookup(user_ids)).keys()

    async def _notice_deaths(self) -> None:
        """Notice gateways that have died, also while nothing is delivered."""
        async for _ in self._member.registry.watch(HOLDERS):
            self._routes.notice()

    def _run(self, work: Coroutine[object, object, None], name: str) -> None:
        self._member.process.spawn(self._member.once_joined(work), f"message-{name}")

    def _owns(self, name: str) -> bool:
        return self._share.has(f"program/{name}")

    def _others(self) -> list[Node]:
        nodes = self._member.registry.nodes(self._member.service)
        return [node for node in nodes if node.id != self._member.node.id]

    def _owner(self, name: str) -> Node:
        return self._share.owner(f"program/{name}") or self._member.node
