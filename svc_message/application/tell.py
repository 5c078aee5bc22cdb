"""Tell one user of one conversation: how loudly, with which number on the icon, on each of their devices."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Protocol

from mesh.clock import Clock
from mesh.errors import MeshError
from svc_message.application.badge import Badge, badge_of
from svc_message.domain.conversation import ConversationId, Seq, UserId
from svc_message.domain.outside import Away, Backoff, Refused
from svc_message.domain.ports import Members
from svc_message.domain.push import Attentions, Carrier, News, Notification, PushTarget, Targets, heard, rings

MAX_WAITING: Final = 5_000
"""Users to be told who may wait: about a second of a busy node. More are dropped, badge updates before messages."""

MAX_BADGED: Final = 100_000
"""Users whose icon shows a number, by what this node sent; the oldest are forgotten, and keep it until the next post.
"""

TELLERS: Final = 16
"""Users who are told at the same time."""

TRIES: Final = 4
"""How often one notification is handed over: within about five seconds. After that it is old news."""

WORTH_MS: Final = 24 * 3_600_000
"""How long a carrier may keep a notification for a device that is off."""


class Counted(Protocol):
    """Counts what became of notifications."""

    def __call__(self, outcome: str) -> None:
        """Count one: `carried`, `refused`, `away`, `dropped`, `read`, `muted`, `online` or `told before`."""


class Buried(Protocol):
    """Keeps what could not be told."""

    async def __call__(self, notification: Notification, why: str) -> None:
        """Keep which one it was and why; never its text or token."""


@dataclass(frozen=True, slots=True)
class Summons:
    """A user who is to be told of these posts; without any, that they have read."""

    user_id: UserId
    conversation_id: ConversationId
    news: tuple[News, ...] = ()
    again: bool = False
    """Somebody wants it to be told once more."""


class Teller:
    """A bounded queue, and a few who work it off."""

    def __init__(
        self,
        carrier: Carrier,
        targets: Targets,
        attentions: Attentions,
        members: Members,
        absent: Callable[[Collection[UserId]], Awaitable[AbstractSet[UserId]]],
        clock: Clock,
        *,
        count: Counted,
        bury: Buried,
        backoff: Backoff,
    ) -> None:
        self._carrier = carrier
        self._targets = targets
        self._attentions = attentions
        self._members = members
        self._absent = absent
        self._clock = clock
        self._count = count
        self._bury = bury
        self._backoff = backoff
        self._waiting: deque[Summons] = deque()
        self._badged: OrderedDict[UserId, int] = OrderedDict()
        self._last: OrderedDict[tuple[UserId, ConversationId], Seq] = OrderedDict()
        self._wake = asyncio.Event()

    def shows(self, user_id: UserId) -> bool:
        """Whether the icon of this user shows a number, by what was sent from here."""
        return user_id in self._badged

    def tell(self, summons: Summons) -> None:
        """Tell a user soon; never waits."""
        if len(self._waiting) >= (MAX_WAITING if summons.news else MAX_WAITING // 2):
            self._count("dropped")
            return
        self._waiting.append(summons)
        self._wake.set()

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
            try:
                await self._tell(self._waiting.popleft())
            except MeshError:  # the store or the user service is away, and by tomorrow this is no news
                self._count("dropped")

    async def _tell(self, summons: Summons) -> None:
        user_id, now = summons.user_id, self._clock.now_ms()
        attention = await self._attentions.of(user_id)
        told = heard(attention, user_id, summons.news, now) if summons.news else ()
        if summons.news and not told:
            return self._count("muted")
        if told and not summons.again and self._last.get((user_id, summons.conversation_id), 0) >= told[-1].seq:
            return self._count("told before")
        if told and not await self._absent((user_id,)):
            return self._count("online")
        badge = await badge_of(self._members, user_id, attention, now)
        if told and badge.read.get(summons.conversation_id, 0) >= told[-1].seq:
            return self._count("read")
        self._remember(user_id, badge.unread)
        if told:
            self._keep_last(user_id, told[-1])
        return await self._send(user_id, self._notification(summons, told, badge, silent=not rings(attention, told)))

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

    async def _send(self, user_id: UserId, notification: Callable[[PushTarget], Notification]) -> None:
        for target in (await self._targets.of((user_id,))).get(user_id, ()):
            await self._carry(await self._shown(notification(target)))

    async def _shown(self, notification: Notification) -> Notification:
        """With the name of who wrote, or without anything that the user hides."""
        news = notification.news
        if news is None:
            return notification
        if notification.target.hide_content:
            return replace(notification, news=replace(news, text="", sender_id=UserId("")))
        names = await self._targets.names((news.sender_id,))
        return replace(notification, sender_name=names.get(news.sender_id, ""))

    async def _carry(self, notification: Notification) -> None:
        """Hand one over, a few times if need be; what cannot be handed over is written down."""
        for failures in range(1, TRIES + 1):
            try:
                await self._carrier.carry(notification)
            except Refused as refused:
                return await self._give_up(notification, refused.why, "refused")
            except Away as away:
                if failures == TRIES:
                    return await self._give_up(notification, away.why, "away")
                await self._clock.sleep(self._backoff.pause(failures, away.retry_after))
            else:
                return self._count("carried")
        return None

    async def _give_up(self, notification: Notification, why: str, outcome: str) -> None:
        self._count(outcome)
        await self._bury(notification, why)

    def _remember(self, user_id: UserId, unread: int) -> None:
        self._badged.pop(user_id, None)
        if unread:
            self._badged[user_id] = unread
        if len(self._badged) > MAX_BADGED:
            self._badged.popitem(last=False)

    def _keep_last(self, user_id: UserId, news: News) -> None:
        """Nobody is told of the same post twice: both who delivers and who looks back may have seen it missed."""
        place = user_id, news.conversation_id
        self._last.pop(place, None)
        self._last[place] = news.seq
        if len(self._last) > MAX_BADGED:
            self._last.popitem(last=False)
