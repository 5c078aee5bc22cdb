"""Tell one user of one conversation: how loudly, with which number on the icon, on each of their devices."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import partial
from typing import Final, Protocol

from mesh.clock import Clock
from mesh.errors import MeshError
from svc_message.application.push.badge import Badge, badge_of
from svc_message.application.push.carrying import Gate
from svc_message.application.push.icons import Icons
from svc_message.application.push.latest import Latest
from svc_message.application.push.marks import Marks
from svc_message.application.push.notices import Notices
from svc_message.application.push.summons import Summons
from svc_message.domain.conversation import Seq, UserId
from svc_message.domain.outside.program import Away, Refused
from svc_message.domain.ports import Members
from svc_message.domain.push.marks import PushMarks, Told
from svc_message.domain.push.notification import Attentions, Gone, News, Notification, PushTarget, Targets, heard, rings

MAX_WAITING: Final = 5_000
"""Users to be told who may wait: a second of a busy node. Of more the log is read later; badges are dropped before."""

MAX_LAST: Final = 100_000
"""What users were told last, as far as this node remembers; of older things the store knows that they were told."""

TELLERS: Final = 16
"""Users who are told at the same time."""

TRIES: Final = 4
"""How often a notification fails before it is given up, where others get through meanwhile."""

WORTH_MS: Final = 24 * 3_600_000
"""How long a notification is worth carrying: to a device that is off, and after an outage."""

RINGS_MS: Final = 10 * 60_000
"""Of what is older one is told without a sound: a phone that rings for this morning's message helps nobody."""

BUSY_S: Final = 0.05
"""When somebody is tried again who is just being told of the same."""

RETRY_S: Final = 1.0
"""When is tried again what the store, the key-value or the user service had no answer for."""


class Counted(Protocol):
    """Counts what became of notifications."""

    def __call__(self, outcome: str) -> None:
        """Count one: `carried`, `refused`, `gone` (a token that is dead), `away` (it is tried again), `late`,
        `dropped`, `read`, `muted`, `online` or `told before`.
        """


class Buried(Protocol):
    """Keeps what could not be told."""

    async def __call__(self, notification: Notification, why: str) -> None:
        """Keep which one it was and why; never its text or token."""


class Teller:
    """A bounded queue, and a few who work it off."""

    def __init__(
        self,
        gate: Gate,
        targets: Targets,
        attentions: Attentions,
        members: Members,
        absent: Callable[[Collection[UserId]], Awaitable[AbstractSet[UserId]]],
        marks: Marks,
        journal: PushMarks,
        notices: Notices,
        latest: Latest,
        icons: Icons,
        clock: Clock,
        *,
        count: Counted,
        bury: Buried,
    ) -> None:
        self._gate = gate
        self._targets = targets
        self._attentions = attentions
        self._members = members
        self._absent = absent
        self._marks = marks
        self._journal = journal
        self._notices = notices
        self._latest = latest
        self._icons = icons
        self._clock = clock
        self._count = count
        self._bury = bury
        self._waiting: deque[Summons] = deque()
        self._telling: set[tuple[UserId, str]] = set()
        self._last: OrderedDict[tuple[UserId, str], Seq] = OrderedDict()
        self._wake = asyncio.Event()

    @property
    def roomy(self) -> bool:
        """Whether there is room for what is not urgent."""
        return len(self._waiting) < MAX_WAITING // 2

    def tell(self, summons: Summons) -> None:
        """Tell a user soon; never waits."""
        if len(self._waiting) < (MAX_WAITING if summons.news else MAX_WAITING // 2):
            if summons.hold is not None:
                summons.hold.take()
            self._waiting.append(summons)
            self._wake.set()
        elif summons.hold is not None:
            self._marks.lose(summons.hold)
        else:
            self._count("dropped")

    async def run(self) -> None:
        """Tell who is to be told, for ever."""
        async with asyncio.TaskGroup() as group:
            for _ in range(TELLERS):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            while not self._waiting:
                self._wake.clear()
                await self._wake.wait()
            async with self._gate.turn():
                if self._waiting:  # else another one has taken it meanwhile
                    await self._settle_alone(self._waiting.popleft())

    async def _settle_alone(self, summons: Summons) -> None:
        """One at a time of what is told about one thing: who comes second sees that it was told."""
        place = summons.user_id, summons.subject
        if place in self._telling:
            self._waiting.append(summons)
            return await self._clock.sleep(BUSY_S)
        self._telling.add(place)
        try:
            await self._settle(summons)
        finally:
            self._telling.discard(place)

    async def _settle(self, summons: Summons) -> None:
        """Tell, or put what is left to be told behind the others: the next one may be luckier."""
        try:
            left = await self._tell(summons)
        except MeshError:
            left = await self._postponed(summons)
        if left is not None:
            self._waiting.append(left)
            self._wake.set()
        elif summons.hold is not None:
            summons.hold.leave()

    async def _postponed(self, summons: Summons) -> Summons | None:
        """Something has no answer now. Wait, if it is worth it."""
        if summons.news:
            await self._clock.sleep(RETRY_S)
            return summons
        self._count("dropped")
        return None

    async def _tell(self, summons: Summons) -> Summons | None:
        """Tell, and return what is left: all that follows is looked at anew then."""
        user_id, now = summons.user_id, self._clock.now_ms()
        attention = await self._attentions.of(user_id)
        wanted = heard(attention, user_id, summons.news, now) if summons.news else ()
        told = await self._latest.of(wanted, now)
        if wanted and not told:  # all of it was taken back
            self._count("read")
            return None
        if summons.news and (outcome := await self._needless(summons, told)):
            self._count(outcome)
            return None
        badge = await badge_of(self._members, user_id, attention, now)
        if told and badge.read.get(summons.conversation_id, 0) >= told[-1].seq:
            self._count("read")
            return None
        silent = not rings(attention, told) or (bool(told) and told[-1].sent_at_ms < now - RINGS_MS)
        left = await self._send(summons, self._notification(summons, told, badge, silent=silent))
        if left is None or left.carried:
            self._icons.sent(user_id, badge.unread)
        if told and left is None:
            self._keep_last(user_id, told[-1])
        return left

    async def _needless(self, summons: Summons, told: Sequence[News]) -> str:
        """Why there is nothing to tell; empty if there is."""
        if not told:
            return "muted"
        if told[-1].notice and await self._notices.settled(summons.user_id, told[-1]):
            return "read"
        if not summons.again and told[-1].sent_at_ms < self._clock.now_ms() - WORTH_MS:
            return "late"
        if not summons.again and await self._told_before(summons, told[-1]):
            return "told before"
        return "" if await self._absent((summons.user_id,)) else "online"

    async def _told_before(self, summons: Summons, newest: News) -> bool:
        """Nobody is told of the same thing twice: who delivers, who looks back and who goes on may all have it."""
        place = summons.user_id, newest.subject
        if self._last.get(place, 0) >= newest.seq:
            return True
        if not summons.repeated:
            return False
        return (await self._journal.told([Told(*place)])).get(Told(*place), 0) >= newest.seq

    def _notification(
        self, summons: Summons, told: Sequence[News], badge: Badge, *, silent: bool
    ) -> Callable[[PushTarget], Notification]:
        """All but the device that it is for."""
        return partial(
            Notification,
            summons.user_id,
            conversation_id=summons.conversation_id,
            seq=told[-1].seq if told else badge.read.get(summons.conversation_id, Seq(0)),
            badge=badge.unread,
            news=told[-1] if told else None,
            mention=any(one.addresses(summons.user_id) for one in told),
            silent=silent,
            expires_at_ms=self._clock.now_ms() + WORTH_MS,
        )

    async def _send(self, summons: Summons, notification: Callable[[PushTarget], Notification]) -> Summons | None:
        """Send to each device that does not have it; when the carrier is away, return what is left."""
        carried = set(summons.carried)
        for target in (await self._targets.of((summons.user_id,))).get(summons.user_id, ()):
            if target.device_id in carried:
                continue
            one = await self._shown(notification(target))
            away = await self._carry(one)
            if away and (left := await self._delayed(summons, one, away)):
                return replace(left, carried=frozenset(carried))
            carried.add(target.device_id)
        return None

    async def _shown(self, notification: Notification) -> Notification:
        """With the name of who wrote, or without anything that the user hides."""
        news = notification.news
        if news is None:
            return notification
        if notification.target.hide_content:
            return replace(notification, news=news.hidden())
        names = await self._targets.names((news.sender_id,)) if news.sender_id else {}
        return replace(notification, sender_name=names.get(news.sender_id, ""))

    async def _carry(self, notification: Notification) -> str:
        """Hand one over. Returns why it has to be tried again; empty when it need not be."""
        try:
            await self._gate.carry(notification)
        except Gone:
            self._count("gone")
            await self._targets.forget(notification.user_id, notification.target)
        except Refused as refused:
            self._count("refused")
            await self._bury(notification, refused.why)
        except Away as away:
            self._count("away")
            return away.why
        else:
            self._count("carried")
        return ""

    async def _delayed(self, summons: Summons, notification: Notification, why: str) -> Summons | None:
        """A summons that failed once more; None when it is given up, since the others get through and it does not."""
        if notification.news is None:
            return None  # the next one sets the badge
        tries = summons.tries + (summons.tries == 0 or self._gate.passed > summons.passed)
        if tries >= TRIES:
            await self._bury(notification, why)
            return None
        if not self._gate.shut:
            await self._clock.sleep(self._gate.pause(tries))
        return replace(summons, tries=tries, passed=self._gate.passed)

    def _keep_last(self, user_id: UserId, news: News) -> None:
        place = user_id, news.subject
        self._marks.told(user_id, news.subject, news.seq)
        self._last.pop(place, None)
        self._last[place] = news.seq
        if len(self._last) > MAX_LAST:
            self._last.popitem(last=False)
