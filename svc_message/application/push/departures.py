"""Look at what somebody missed who was thought to be there: their connection was dead before anybody knew.

What is sent to a device whose network has gone reaches nobody until its gateway notices, up to a minute later. Then the
gateway says that the user has left, and what came in that time and was not received is told.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from mesh.clock import Clock
from mesh.errors import MeshError
from svc_message.application.push.summons import summonses
from svc_message.application.push.tell import Teller
from svc_message.domain.conversation import ConversationId, Membership, UserId
from svc_message.domain.ports import Log, Members
from svc_message.domain.push.notification import NewsReader, Targets

Absent = Callable[[Collection[UserId]], Awaitable[AbstractSet[UserId]]]
"""Those of the users who have no device connected. Raises UNAVAILABLE."""

MAX_WAITING: Final = 50_000
"""Users who have left and whose turn has not come; of more nobody is looked at."""

MISSED_MS: Final = 120_000
"""How long ago something came that may have been lost on a dead connection; twice as long as one goes unnoticed."""

LATEST: Final = 20
"""Entries of one conversation that are looked at."""

TURN_S: Final = 0.2


class Departures:
    """Waits a moment for those who come back, and looks at what the others missed."""

    def __init__(
        self,
        teller: Teller,
        targets: Targets,
        absent: Absent,
        log: Log,
        members: Members,
        reader: NewsReader,
        owns: Callable[[str], bool],
        clock: Clock,
        hold_s: float,
    ) -> None:
        self._teller = teller
        self._targets = targets
        self._absent = absent
        self._log = log
        self._members = members
        self._reader = reader
        self._owns = owns
        self._clock = clock
        self._hold_s = hold_s
        self._left: dict[UserId, float] = {}
        self._wake = asyncio.Event()

    def left(self, user_ids: Sequence[str]) -> None:
        """These users have no device any more at some node. Never waits."""
        due = self._clock.monotonic() + self._hold_s
        for user_id in map(UserId, user_ids):
            if len(self._left) < MAX_WAITING and self._owns(user_id):
                self._left[user_id] = due
        if self._left:
            self._wake.set()

    async def run(self) -> None:
        """Look after those who have left, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._left:
                await self._clock.sleep(TURN_S)
                now = self._clock.monotonic()
                await self._look([user_id for user_id, due in self._left.items() if due <= now])

    async def _look(self, user_ids: Sequence[UserId]) -> None:
        for user_id in user_ids:
            del self._left[user_id]
        try:
            gone = await self._absent(user_ids) if user_ids else ()
            for user_id in await self._targets.of(gone) if gone else ():
                await self._look_at(user_id)
        except MeshError:
            return  # what it needs is away; the log is not

    async def _look_at(self, user_id: UserId) -> None:
        places = await self._members.of_user(user_id)
        heads = await self._log.heads(places.keys())
        for conversation_id, place in places.items():
            unheard = max(place.heard, place.first_seq - 1)
            last = place.last_visible(heads[conversation_id])
            if last > unheard:
                await self._tell(conversation_id, place, unheard + 1, last)

    async def _tell(self, conversation_id: ConversationId, place: Membership, first: int, last: int) -> None:
        found = await self._log.read(conversation_id, first, last, LATEST, descending=True)
        since = self._clock.now_ms() - MISSED_MS
        news = self._reader.news([one.entry for one in reversed(found) if one.sent_at_ms >= since])
        others = tuple(one for one in news if one.sender_id != place.user_id)
        for summons in summonses(place.user_id, conversation_id, others):
            self._teller.tell(summons)
