"""Tell devices how far others have read and received: in a direct chat at once, in a group once in a while.

In a group in which everybody reads along each message brings a mark of each member for each member. So the first one
is told at once and opens a window; what comes in it is told together when it ends, of each member the newest. What
waits is in memory and bounded: a mark is a hint, the positions are in the store.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Final

from mesh.clock import Clock
from mesh.errors import MeshError
from svc_message.application.conversations import Conversations
from svc_message.application.sync.shown import Shown
from svc_message.domain.conversation import Conversation, ConversationId, ConversationKind, UserId
from svc_message.domain.ports import Delivery
from svc_message.domain.told_marks import Risen, deliveries, may_tell_members, tells_members

WINDOW_S: Final = 1.0
"""The least time between two deliveries of the marks of one group: what the second reader of a message waits at most.
With 50 members who all read each of ten messages a second, a group costs 1 delivery a second and node instead of 500.
"""

MAX_WAITING: Final = 50_000
"""Marks that may wait, one for each user and conversation, about 400 bytes each. Those of more users are dropped: their
devices learn the positions when they come back or ask.
"""

MAX_WINDOWS: Final = 20_000
"""Groups that may have an open window; the marks of more are dropped in the same way."""

TURN: Final = 1_000
"""Marks told at a time, and those of one more group, so that others of the process get their turn between. Where very
many groups are due, the oldest are told first and the windows grow longer.
"""


Waiting = dict[ConversationId, dict[UserId, Risen]]


class MarkTeller:
    """Collects marks, and delivers them when it is time."""

    def __init__(
        self,
        conversations: Conversations,
        shown: Shown,
        deliver: Callable[[list[Delivery]], None],
        clock: Clock,
    ) -> None:
        self._conversations = conversations
        self._shown = shown
        self._deliver = deliver
        self._clock = clock
        self._due: Waiting = {}
        self._later: Waiting = {}
        self._ends: dict[ConversationId, float] = {}
        self._wake = asyncio.Event()
        self._opened = asyncio.Event()
        self._waiting = 0
        self.dropped = 0

    def tell(self, risen: Sequence[Risen]) -> None:
        """Take in positions that rose; never waits."""
        for one in risen:
            self._keep(one)

    async def run(self) -> None:
        """Deliver what is due, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._due:
                await self._turn()
                await asyncio.sleep(0)

    async def end_windows(self) -> None:
        """Make due what waited for the end of its window, for ever."""
        while True:
            await self._opened.wait()
            self._opened.clear()
            while self._ends:
                await self._clock.sleep(next(iter(self._ends.values())) - self._clock.monotonic())
                self._end(self._clock.monotonic())

    def _keep(self, one: Risen) -> None:
        conversation_id = one.mark.conversation_id
        marks = self._later if conversation_id in self._ends else self._due
        of_users = marks.get(conversation_id, {})
        before = of_users.get(one.mark.user_id)
        if before is None and self._full():
            self.dropped += 1
            return
        self._waiting += before is None
        marks.setdefault(conversation_id, of_users)[one.mark.user_id] = one.over(before)
        self._wake.set()

    def _full(self) -> bool:
        return self._waiting >= MAX_WAITING or len(self._ends) + len(self._due) >= MAX_WINDOWS

    def _end(self, now: float) -> None:
        """End the windows whose time is over. They stand in the order of their ends, since all are of one length."""
        while self._ends and (first := next(iter(self._ends.items())))[1] <= now:
            conversation_id = first[0]
            del self._ends[conversation_id]
            if marks := self._later.pop(conversation_id, None):
                self._due[conversation_id] = marks
                self._wake.set()

    async def _turn(self) -> None:
        """Deliver the marks that are due first, and open the windows of the groups among their conversations."""
        batch = self._take()
        found = [one for id_ in batch if (one := self._conversations.get(id_)) is not None]
        self._open([one.id for one in found if one.kind is ConversationKind.GROUP])
        present = await self._present(found)
        users = {user_id for one in present if tells_members(one) for user_id in one.audience}
        hiding = await self._shown.hiding(users) if users else users
        apart = await self._apart([one for one in present if one.kind is ConversationKind.DIRECT])
        self._deliver(
            [
                told
                for one in present
                for told in deliveries(one, list(batch[one.id].values()), hiding, apart=one.id in apart)
            ]
        )

    async def _apart(self, chats: Sequence[Conversation]) -> set[ConversationId]:
        """The direct chats whose two are told nothing of each other. Who wrote there lately was found to be let."""
        pairs = {
            (users[0], users[1]): one.id
            for one in chats
            if len(users := one.audience) > 1 and not any(self._conversations.ready_for(one, user) for user in users)
        }
        return {pairs[pair] for pair in await self._shown.apart_of(pairs)} if pairs else set()

    def _take(self) -> Waiting:
        """The marks of the conversations that are due first."""
        batch, room = Waiting(), TURN
        while self._due and room > 0:
            id_ = next(iter(self._due))
            batch[id_] = self._due.pop(id_)
            room -= len(batch[id_])
        self._waiting -= sum(map(len, batch.values()))
        return batch

    def _open(self, conversation_ids: Collection[ConversationId]) -> None:
        ends = self._clock.monotonic() + WINDOW_S
        self._ends.update(dict.fromkeys(conversation_ids, ends))
        if conversation_ids:
            self._opened.set()

    async def _present(self, found: Sequence[Conversation]) -> Sequence[Conversation]:
        """The conversations with the members and settings that are in the log now: another node may have written them.

        While the store does not answer only those are told of which nobody else learns anything.
        """
        shared = [one for one in found if one.kind is ConversationKind.GROUP and may_tell_members(one)]
        others = [one for one in found if one not in shared]
        try:
            return [*others, *await self._conversations.as_stored(shared)]
        except MeshError:
            return others
