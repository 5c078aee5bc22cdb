"""Presence: who is online, told to those who watch. Best effort, by subscription, never to everyone.

A node that has watchers of a user cares about the topic `presence/<user>`; the node that a user comes to or leaves
tells the nodes that care. What got lost on the way is found again: each node looks at those it watches now and then.
Who may see whom is asked when a device begins to watch, and again when something changes between the two.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from mesh.clock import Clock
from mesh.errors import MeshError
from mesh.routes import Routes
from svc_gateway.application.comings import topic_of
from svc_gateway.application.hub import Hub
from svc_gateway.application.seeing import Presence, Seeing
from svc_gateway.application.session import Session
from svc_gateway.domain import People, Seen

LOOK_S: Final = 30.0
"""How often the users who are watched are looked at, for words about them that got lost: of a node that died."""

LOOKED_AT: Final = 5_000
"""Users that are looked at in one go; the others have their turn in the next."""

AT_ONCE: Final = 500
"""Users of one question."""

AGAIN_S: Final = 1.0
"""When it is asked again who may see whom, after the user service did not answer."""

Encode = Callable[[Sequence[Presence]], bytes]
"""Presences as an encoded server frame."""


@dataclass(slots=True)
class Watch:
    """Whom a session wants to see, and whom of them it may."""

    wanted: frozenset[str]
    visible: set[str] = field(default_factory=set)


class Presences:
    """Who watches whom on this node."""

    def __init__(self, routes: Routes, people: People, seeing: Seeing, hub: Hub, encode: Encode, clock: Clock) -> None:
        self._routes = routes
        self._people = people
        self._seeing = seeing
        self._hub = hub
        self._encode = encode
        self._clock = clock
        self._watches: dict[int, Watch] = {}
        self._wanting: dict[str, set[int]] = defaultdict(set)
        self._watchers: dict[str, set[int]] = defaultdict(set)
        self._shown: dict[str, Presence] = {}
        """What the watchers of a user were told last."""
        self._doubted: dict[int, set[str]] = defaultdict(set)
        self._wake = asyncio.Event()

    async def watch(self, session: Session, user_ids: Sequence[str]) -> None:
        """Show these users' presence to the session from now on, instead of those before.

        Users whose presence it may not see are left out without a word, until it may.
        """
        wanted = frozenset(user_ids)
        visible = await self._people.visible(session.identity.user_id, list(wanted)) if wanted else []
        if self._hub.by_ref(session.ref) is not session:
            return
        before = self._watches.pop(session.ref, Watch(frozenset()))
        self._want(session.ref, before.wanted, wanted)
        watch = self._watches[session.ref] = Watch(wanted, before.visible)
        await self._see(session, watch, set(visible))
        await self._tell(session, watch.visible)

    async def forget(self, session: Session) -> None:
        """The session watches nobody any more."""
        watch = self._watches.pop(session.ref, None)
        if watch is not None:
            self._want(session.ref, watch.wanted, frozenset())
            await self._leave(session.ref, watch.visible)

    def show(self, presence: Presence) -> None:
        """Tell the watchers on this node, if it is news."""
        user_id = presence.user_id
        if user_id not in self._watchers or self._shown.get(user_id) == presence:
            return
        self._shown[user_id] = presence
        frame = self._encode([presence])
        for ref in self._watchers[user_id]:
            session = self._hub.by_ref(ref)
            if session is not None:
                session.push_signal(frame)

    def doubt(self, one: str, other: str) -> None:
        """Something changed between two users, or without another between one and everybody: ask who sees whom."""
        if not other:
            self._doubt(self._wanting.get(one, ()), one)
            return
        for watcher, watched in ((one, other), (other, one)):
            refs = {session.ref for session in self._hub.of_user(watcher)}
            self._doubt(refs & self._wanting.get(watched, set()), watched)

    def doubt_all(self) -> None:
        """It is not known between whom something changed."""
        for ref, watch in self._watches.items():
            self._doubted[ref] |= watch.wanted
        self._wake.set()

    async def run(self) -> None:
        """Ask again who may see whom, and look now and then at who is watched, for ever."""
        await asyncio.gather(self._ask_again(), self._look_again())

    def _doubt(self, refs: Iterable[int], user_id: str) -> None:
        for ref in refs:
            self._doubted[ref].add(user_id)
            self._wake.set()

    async def _ask_again(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._doubted:
                ref, doubted = self._doubted.popitem()
                try:
                    await self._recheck(ref, doubted)
                except MeshError:
                    self._doubted[ref] |= doubted
                    await self._clock.sleep(AGAIN_S)

    async def _recheck(self, ref: int, doubted: set[str]) -> None:
        session, watch = self._hub.by_ref(ref), self._watches.get(ref)
        if session is None or watch is None:
            return
        asked = list(doubted & watch.wanted)
        if not asked:
            return
        try:
            visible = await self._people.visible(session.identity.user_id, asked)
        except MeshError:
            await self._hide(session, watch, asked)  # rather too little than too much, until it is known
            raise
        if self._watches.get(ref) is watch:
            new = set(visible) - watch.visible
            await self._see(session, watch, (watch.visible - doubted) | set(visible))
            await self._tell(session, new)

    async def _hide(self, session: Session, watch: Watch, user_ids: Sequence[str]) -> None:
        if self._watches.get(session.ref) is watch:
            await self._see(session, watch, watch.visible - set(user_ids))

    async def _see(self, session: Session, watch: Watch, visible: set[str]) -> None:
        """Let the session see exactly these of whom it wants to: who is seen no more goes offline."""
        now = visible & watch.wanted
        gone, new = watch.visible - now, now - watch.visible
        watch.visible = now
        for user_id in new:
            self._watchers[user_id].add(session.ref)
        lost = gone & watch.wanted
        if lost:
            session.push_signal(self._encode([Presence(user_id, Seen.OFFLINE) for user_id in lost]))
        await self._leave(session.ref, gone)
        await asyncio.gather(*(self._routes.care(topic_of(user_id)) for user_id in new))

    async def _tell(self, session: Session, user_ids: set[str]) -> None:
        """Show the session how these users are now. Words that come meanwhile are newer than what is read here."""
        before = {user_id: self._shown.get(user_id) for user_id in user_ids}
        found = await self._seeing.look(list(user_ids))
        shown = [
            presence if self._shown.get(presence.user_id) is before[presence.user_id] else self._shown[presence.user_id]
            for presence in found
            if session.ref in self._watchers.get(presence.user_id, ())
        ]
        for presence in shown:
            self._shown[presence.user_id] = presence
        if shown:
            session.push_signal(self._encode(shown))

    async def _leave(self, ref: int, user_ids: Iterable[str]) -> None:
        for user_id in list(user_ids):
            watchers = self._watchers.get(user_id, set())
            watchers.discard(ref)
            if user_id in self._watchers and not watchers:
                del self._watchers[user_id]
                self._shown.pop(user_id, None)
                await self._routes.drop(topic_of(user_id))

    def _want(self, ref: int, before: frozenset[str], now: frozenset[str]) -> None:
        for user_id in now - before:
            self._wanting[user_id].add(ref)
        for user_id in before - now:
            self._wanting[user_id].discard(ref)
            if not self._wanting[user_id]:
                del self._wanting[user_id]

    async def _look_again(self) -> None:
        begin = 0
        while True:
            await self._clock.sleep(LOOK_S)
            begin = begin if begin < len(self._watchers) else 0
            users = list(islice(self._watchers, begin, begin + LOOKED_AT))
            begin += LOOKED_AT
            for start in range(0, len(users), AT_ONCE):
                with contextlib.suppress(MeshError):
                    self._heal(await self._seeing.look(users[start : start + AT_ONCE]))

    def _heal(self, found: Sequence[Presence]) -> None:
        for presence in found:
            told = self._shown.get(presence.user_id)
            if told is None or told.seen is not presence.seen or told.seen_ms < presence.seen_ms:
                self.show(presence)
