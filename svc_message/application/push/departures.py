"""Look at what somebody missed who was thought to be there: their connection was dead before anybody knew.

What is sent to a device whose network has gone reaches nobody until its gateway notices, up to a minute later. Then the
gateway says that the user has left, and what came before that and was not received is told. What comes afterwards is
told by the node that delivers it (`collect.py`), which may be another one. Where that one has not heard that the user
left, the gateway gets what comes afterwards, and says once more that the user has left: docs/decisions/0062.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Final

from mesh.clock import Clock
from mesh.errors import MeshError
from svc_message.application.push.marks import Hold, Marks
from svc_message.application.push.summons import summonses
from svc_message.application.push.tell import RETRY_S, Teller
from svc_message.domain.conversation import ConversationId, Membership, UserId
from svc_message.domain.entry import Stored
from svc_message.domain.ports import Log, Members
from svc_message.domain.push.notification import NewsReader, Targets

Absent = Callable[[Collection[UserId]], Awaitable[AbstractSet[UserId]]]
"""Those of the users who have no device connected. Raises UNAVAILABLE."""

MAX_WAITING: Final = 50_000
"""Users who have left and whose turn has not come, 0.3 kB each. Of more the log is read later, from when they left."""

MISSED_MS: Final = 900_000
"""How long ago something came that may have been lost on a dead connection: longer than an app may hang before its
gateway gives it up, which is the longest that one goes unnoticed.
"""

SKEW_MS: Final = 1_000
"""How long after somebody has left something may still be sent to where they were; longer than an event takes."""

LATEST: Final = 20
"""Entries of one conversation that are looked at."""

SOME: Final = 1_000
"""Users who are looked for in one read."""

TURN_S: Final = 0.2

MOST_WAITS: Final = 3
"""How many times the wait somebody waits at most who comes and goes all the time."""


@dataclass(slots=True)
class Left:
    """When somebody left for the first and the last time, Unix milliseconds, and when it is their turn."""

    first_ms: int
    last_ms: int
    due: float
    latest: float
    """They wait no longer than this, however often they leave."""
    hold: Hold | None
    """What holds the place in the log, where this node is the one that looks: after a kill it is read again."""


class Departures:
    """Waits a moment for those who come back, and looks at what the others missed.

    `wait_s` is long enough for who delivered it to have told it and to have kept that, so that nobody is told twice.
    Each message node hears who has left, and one of them looks. The others know it too, for when that one has gone by
    the time.
    """

    def __init__(
        self,
        teller: Teller,
        targets: Targets,
        absent: Absent,
        log: Log,
        members: Members,
        reader: NewsReader,
        marks: Marks,
        owns: Callable[[str], bool],
        clock: Clock,
        wait_s: float,
    ) -> None:
        self._teller = teller
        self._targets = targets
        self._absent = absent
        self._log = log
        self._members = members
        self._reader = reader
        self._marks = marks
        self._owns = owns
        self._clock = clock
        self._wait_s = wait_s
        self._left: dict[UserId, Left] = {}
        self._wake = asyncio.Event()

    def left(self, user_ids: Sequence[str]) -> None:
        """These users have no device any more at some node. Never waits."""
        for user_id in map(UserId, user_ids):
            known = self._left.get(user_id)
            if known is None:
                self._note(user_id)
            else:
                known.last_ms = self._clock.now_ms()
                known.due = min(self._clock.monotonic() + self._wait_s, known.latest)
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
                due = [user_id for user_id, left in self._left.items() if left.due <= now]
                for start in range(0, len(due), SOME):
                    await self._look(due[start : start + SOME])

    def _note(self, user_id: UserId) -> None:
        """Note somebody who is not waiting, or what this node has to look at in the log when there is no room."""
        mine = self._owns(user_id)
        if len(self._left) < (MAX_WAITING if mine else MAX_WAITING // 2):
            now, now_ms = self._clock.monotonic(), self._clock.now_ms()
            hold = self._marks.hold() if mine else None
            due = now + self._wait_s
            self._left[user_id] = Left(now_ms, now_ms, due, now + MOST_WAITS * self._wait_s, hold)
        elif mine:
            self._marks.lose()

    async def _look(self, user_ids: Sequence[UserId]) -> None:
        due = {user_id: self._left.pop(user_id) for user_id in user_ids}
        mine = {user_id: left for user_id, left in due.items() if left.hold or self._owns(user_id)}
        try:
            gone = await self._absent(mine.keys()) if mine else ()
            reachable = await self._targets.of(gone) if gone else {}
        except MeshError:  # nobody can say where they are, or where they are told
            return self._put_back(mine)
        await self._look_at_each({user_id: left for user_id, left in mine.items() if user_id in reachable})
        for user_id in mine.keys() - reachable.keys():
            _release(mine[user_id])
        return None

    async def _look_at_each(self, due: Mapping[UserId, Left]) -> None:
        for user_id, left in due.items():
            try:
                await self._look_at(user_id, left)
            except MeshError:  # the store is away, or what is theirs in it
                self._put_back({user_id: left})
            else:
                _release(left)

    def _put_back(self, due: Mapping[UserId, Left]) -> None:
        """Look again later, also at what came before they left another time."""
        for user_id, left in due.items():
            newer = self._left.get(user_id)
            if newer is None:
                left.due = self._clock.monotonic() + RETRY_S
                self._left[user_id] = left
            else:
                newer.first_ms = left.first_ms
                _release(newer)
                newer.hold = left.hold

    async def _look_at(self, user_id: UserId, left: Left) -> None:
        places = await self._members.of_user(user_id)
        heads = await self._log.heads(places.keys())
        for conversation_id, place in places.items():
            unheard = max(place.heard, place.first_seq - 1)
            last = place.last_visible(heads[conversation_id])
            if last > unheard:
                found = await self._log.read(conversation_id, unheard + 1, last, LATEST, descending=True)
                self._tell(conversation_id, place, found[::-1], left)

    def _tell(self, conversation_id: ConversationId, place: Membership, unheard: Sequence[Stored], left: Left) -> None:
        """Tell what may have been lost, as it is now: what came later may have changed it."""
        lost = range(left.first_ms - MISSED_MS, left.last_ms + SKEW_MS)
        news = self._reader.news([one.entry for one in unheard])
        others = [one for one in news if one.sender_id != place.user_id and one.sent_at_ms in lost]
        for summons in summonses(place.user_id, conversation_id, others, left.hold):
            self._teller.tell(replace(summons, repeated=True))


def _release(left: Left) -> None:
    if left.hold is not None:
        left.hold.leave()
