"""Tell those who are away: collect what reached no device, wait a moment, and hand it on, a conversation at a time.

The deliverer says who of an audience has no device connected, which it knows anyway; nothing is done for anybody else.
What waits is in memory and bounded: what it tells of is in the log, and is read there again after a crash or when there
is no room (`push_marks`, `push_resume`).
"""

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final

from mesh.clock import Clock
from mesh.errors import MeshError
from svc_message.application.deliver import Deliver
from svc_message.application.push.icons import Icons
from svc_message.application.push.marks import Hold, Marks
from svc_message.application.push.summons import Summons, summonses
from svc_message.application.push.tell import RETRY_S, Teller
from svc_message.domain.conversation import ConversationId, UserId
from svc_message.domain.ports import Delivery
from svc_message.domain.push.notification import News, NewsReader, Targets

MAX_CONVERSATIONS: Final = 10_000
"""Conversations that may wait. Of more the log is read later."""

MAX_ENTRIES: Final = 20
"""Entries of one conversation that are kept to tell of; the oldest go first. The badge counts them all."""

TURN_S: Final = 0.1
"""How exactly pauses are kept."""


@dataclass(frozen=True, slots=True)
class Pace:
    """`hold_s`: how long a device that reconnects is waited for. `pause_s`: no second notification of a conversation
    comes sooner, so that somebody who writes ten lines rings once.
    """

    hold_s: float = 2.0
    pause_s: float = 5.0


@dataclass(slots=True)
class Waiting:
    """What is to be told of one conversation, from `due` on."""

    due: float
    hold: Hold
    audience: Collection[UserId] = ()
    entries: list[bytes] = field(default_factory=list)
    absent: list[AbstractSet[UserId]] = field(default_factory=list)


class Pushes:
    """Collects who missed what, and gives it to the teller when the time has come."""

    def __init__(
        self,
        teller: Teller,
        targets: Targets,
        reader: NewsReader,
        marks: Marks,
        icons: Icons,
        clock: Clock,
        pace: Pace,
    ) -> None:
        self._teller = teller
        self._icons = icons
        self._targets = targets
        self._reader = reader
        self._marks = marks
        self._clock = clock
        self._pace = pace
        self._waiting: dict[ConversationId, Waiting] = {}
        self._told: OrderedDict[ConversationId, float] = OrderedDict()
        self._reads: dict[UserId, tuple[float, ConversationId]] = {}
        self._wake = asyncio.Event()

    def unreached(self, deliveries: Sequence[Delivery], absent: AbstractSet[UserId]) -> None:
        """These users had no device connected when this was delivered. Called by the deliverer; never waits."""
        for delivery in deliveries:
            if delivery.entries:
                self._note(delivery, absent)

    def hearing(self, deliver: Deliver) -> Deliver:
        """Pass deliveries on, and heed who has read what they were told of: their icon is put right."""

        def heard(deliveries: list[Delivery]) -> None:
            deliver(deliveries)
            for mark in (mark for delivery in deliveries for mark in delivery.receipts):
                if mark.read_seq and self._icons.numbered(mark.user_id):
                    self._note_read(mark.user_id, mark.conversation_id)

        return heard

    async def run(self) -> None:
        """Hand on what is due, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting or self._reads:
                await self._clock.sleep(TURN_S)
                await self._hand_on(self._clock.monotonic())

    def _note(self, delivery: Delivery, absent: AbstractSet[UserId]) -> None:
        conversation_id = ConversationId(delivery.conversation_id)
        waiting = self._waiting.get(conversation_id)
        if waiting is None:
            if len(self._waiting) >= MAX_CONVERSATIONS:
                self._marks.lose()
                return
            waiting = self._waiting[conversation_id] = Waiting(self._due(conversation_id), self._marks.hold())
            self._wake.set()
        waiting.audience = delivery.audience
        waiting.entries += delivery.entries
        del waiting.entries[:-MAX_ENTRIES]
        if not waiting.absent or waiting.absent[-1] is not absent:
            waiting.absent.append(absent)
            del waiting.absent[:-MAX_ENTRIES]

    def _due(self, conversation_id: ConversationId) -> float:
        earliest = self._clock.monotonic() + self._pace.hold_s
        return max(earliest, self._told.get(conversation_id, float("-inf")) + self._pace.pause_s)

    def _note_read(self, user_id: UserId, conversation_id: ConversationId) -> None:
        due, _ = self._reads.get(user_id, (self._clock.monotonic() + self._pace.hold_s, conversation_id))
        self._reads[user_id] = due, conversation_id
        self._wake.set()

    async def _hand_on(self, now: float) -> None:
        for conversation_id, waiting in [one for one in self._waiting.items() if one[1].due <= now]:
            del self._waiting[conversation_id]
            if news := self._reader.news(waiting.entries):
                self._remember(conversation_id, now)
                await self._summon(conversation_id, waiting, news)
            waiting.hold.leave()
        for user_id, (_, conversation_id) in [one for one in self._reads.items() if one[1][0] <= now]:
            del self._reads[user_id]
            self._teller.tell(Summons(user_id, conversation_id))

    def _remember(self, conversation_id: ConversationId, now: float) -> None:
        """When its last notification was; what is older than a pause says nothing."""
        self._told.pop(conversation_id, None)
        self._told[conversation_id] = now
        while self._told and next(iter(self._told.values())) <= now - self._pace.pause_s:
            self._told.popitem(last=False)

    async def _summon(self, conversation_id: ConversationId, waiting: Waiting, news: Sequence[News]) -> None:
        """Tell each member who missed it, has somewhere to be told, and did not write it."""
        absent = frozenset(waiting.audience) & frozenset().union(*waiting.absent)
        try:
            reachable = await self._targets.of(absent)
        except MeshError:  # nobody can say where they are told
            return self._put_back(conversation_id, waiting)
        for user_id in reachable:
            others = [one for one in news if one.sender_id != user_id]
            for summons in summonses(user_id, conversation_id, others, waiting.hold):
                self._teller.tell(summons)
        return None

    def _put_back(self, conversation_id: ConversationId, waiting: Waiting) -> None:
        """Try again later, together with what came meanwhile."""
        newer = self._waiting.get(conversation_id)
        if newer is not None:
            waiting.entries = [*waiting.entries, *newer.entries][-MAX_ENTRIES:]
            waiting.absent = [*waiting.absent, *newer.absent][-MAX_ENTRIES:]
            waiting.audience = newer.audience
            newer.hold.leave()
        waiting.due = self._clock.monotonic() + RETRY_S
        waiting.hold.take()
        self._waiting[conversation_id] = waiting
