"""Go on telling where a node has stopped: read from the log what came after its mark, and tell who has not heard of it.

The node may be this one before it was killed, another one that is gone, or this one when it had no room.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Final

from mesh.clock import Clock
from mesh.errors import MeshError
from svc_message.application.push.departures import MISSED_MS
from svc_message.application.push.marks import Hold, Marks, Stretch
from svc_message.application.push.summons import summonses
from svc_message.application.push.tell import RETRY_S, WORTH_MS, Counted, Teller
from svc_message.domain.conversation import ConversationId, ConversationKind, UserId, direct_users, kind_of
from svc_message.domain.entry import EntryKind
from svc_message.domain.outside.sink import Feed
from svc_message.domain.ports import Members
from svc_message.domain.push.marks import PushMark, PushMarks, oldest
from svc_message.domain.push.notification import News, NewsReader, Targets

READ: Final = 500
"""Entries of one read."""

MAX_READ: Final = 500_000
"""Entries that are read at most: a minute of a busy node. Of what comes after them nobody is told."""

MAX_CONVERSATIONS: Final = 5_000
"""Conversations whose entries are kept before their members are told."""

LATEST: Final = 20
"""Entries of one conversation that are kept."""

MARGIN_MS: Final = MISSED_MS + 60_000
"""How much longer than the oldest mark it is known what was told: a mark may be older than what follows it, and who
leaves may have been told by another node of what they seem to have missed.
"""

TOLD_OF: Final = frozenset(
    {
        EntryKind.POST,
        EntryKind.EDIT,
        EntryKind.RECALL,
        EntryKind.FRIEND,
        EntryKind.GROUP_NOTICE,
        EntryKind.REPORT,
        EntryKind.SCHEDULE_NOTICE,
    }
)
"""What somebody may be told of, and what changes that."""


@dataclass(frozen=True, slots=True)
class Nodes:
    """Who there is: the name of this node, those that live, and which work of all is this node's."""

    own: str
    alive: Callable[[], Collection[str]]
    owns: Callable[[str], bool]


class Resumption:
    """Looks each `wait_s` for what has to be gone on with; who comes back by himself has that time to do so."""

    def __init__(
        self,
        marks: Marks,
        store: PushMarks,
        feed: Feed,
        members: Members,
        reader: NewsReader,
        teller: Teller,
        targets: Targets,
        absent: Callable[[Collection[UserId]], Awaitable[AbstractSet[UserId]]],
        nodes: Nodes,
        clock: Clock,
        *,
        wait_s: float,
        count: Counted,
    ) -> None:
        self._marks = marks
        self._store = store
        self._feed = feed
        self._members = members
        self._reader = reader
        self._teller = teller
        self._targets = targets
        self._absent = absent
        self._nodes = nodes
        self._clock = clock
        self._wait_s = wait_s
        self._count = count
        self._ready: list[Stretch] = []
        self._taken: dict[str, Hold] = {}

    async def run(self, first: Sequence[Stretch]) -> None:
        """Go on for ever, at the beginning with what the process before this one has left."""
        self._ready += first
        while True:
            await self._clock.sleep(self._wait_s)
            try:
                await self._go_on()
            except MeshError:
                continue  # what it needs is away; the log is not

    async def _go_on(self) -> None:
        """Tell what was found the last time, and find what is to be told the next time."""
        marks = await self._store.all()
        gone = {node: mark for node, mark in marks.items() if node not in {self._nodes.own, *self._nodes.alive()}}
        while self._ready:
            await self._tell_after(self._ready[0], gone)
            self._ready.pop(0).hold.leave()
        await self._forget(marks)
        end = await self._feed.end()
        self._ready = [
            Stretch(Hold(mark).take(), end, node)
            for node, mark in gone.items()
            if node not in self._taken and self._nodes.owns(f"push of {node}")
        ]
        self._ready += self._marks.lost(end) if self._teller.roomy else ()

    async def _forget(self, marks: dict[str, PushMark]) -> None:
        """Forget nodes that are gone when all was told that they have left, and what was told before all marks."""
        for node in [node for node, hold in self._taken.items() if not hold.uses]:
            await self._store.drop(node, self._taken.pop(node).mark)
        await self._store.forget(oldest(list(marks.values())) - MARGIN_MS)

    async def _tell_after(self, stretch: Stretch, gone: dict[str, PushMark]) -> None:
        """Tell, unless it was left by a node that is there again or has been gone on for by another one."""
        if stretch.node != self._nodes.own:
            if gone.get(stretch.node) != stretch.hold.mark:
                return
            await self._read(stretch)
            self._taken[stretch.node] = stretch.hold
        else:
            await self._read(stretch)

    async def _read(self, stretch: Stretch) -> None:
        """Read the stretch, and tell who has not heard of it."""
        reader, since = self._feed.reader(stretch.hold.mark.place, stretch.end), self._clock.now_ms() - WORTH_MS
        found: dict[ConversationId, deque[bytes]] = {}
        for _ in range(0, MAX_READ, READ):
            entries = await reader.read(READ)
            for one in entries:
                if one.kind in TOLD_OF and one.sent_at_ms >= since:
                    found.setdefault(one.conversation_id, deque(maxlen=LATEST)).append(one.entry)
            if not entries or len(found) > MAX_CONVERSATIONS:
                await self._tell_each(found, stretch.hold)
                found = {}
            if not entries:
                return
        self._count("dropped")

    async def _tell_each(self, found: dict[ConversationId, deque[bytes]], hold: Hold) -> None:
        for conversation_id, entries in found.items():
            while not self._teller.roomy:
                await self._clock.sleep(RETRY_S)
            if news := self._reader.news(list(entries)):
                await self._tell(conversation_id, news, hold)

    async def _tell(self, conversation_id: ConversationId, news: Sequence[News], hold: Hold) -> None:
        absent = await self._absent(await self._audience(conversation_id))
        for user_id in await self._targets.of(absent) if absent else ():
            place = await self._members.one(conversation_id, user_id)
            if place is None or not place.present:
                continue
            heard = max(place.heard, place.first_seq - 1)
            others = [one for one in news if one.seq > heard and one.sender_id != user_id]
            for summons in summonses(user_id, conversation_id, others, hold):
                self._teller.tell(replace(summons, repeated=True))

    async def _audience(self, conversation_id: ConversationId) -> Collection[UserId]:
        match kind_of(conversation_id):
            case ConversationKind.DIRECT:
                return direct_users(conversation_id)
            case ConversationKind.GROUP:
                return [one.user_id for one in await self._members.of_conversation(conversation_id)]
            case _:
                return [UserId(conversation_id)]
