"""Presence: who is online, told to those who watch. Best effort, by subscription, never to everyone.

A node that has watchers of a user cares about the topic `presence/<user>`; the node that a user comes to or leaves
tells the nodes that care. Whether the user is online anywhere is read from the routes.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mesh.clock import Clock
from mesh.errors import MeshError
from mesh.routes import Routes
from svc_gateway.application.hub import Hub
from svc_gateway.application.session import Session
from svc_gateway.domain import Nodes, People


@dataclass(frozen=True, slots=True)
class Presence:
    """How a user is seen: `seen_ms` is when they left, 0 while they are online."""

    user_id: str
    online: bool
    seen_ms: int = 0


Encode = Callable[[Sequence[Presence]], bytes]
"""Presences as an encoded server frame."""


class Presences:
    """Who watches whom on this node."""

    def __init__(self, routes: Routes, nodes: Nodes, people: People, hub: Hub, encode: Encode, clock: Clock) -> None:
        self._routes = routes
        self._nodes = nodes
        self._people = people
        self._hub = hub
        self._encode = encode
        self._clock = clock
        self._watchers: dict[str, set[int]] = defaultdict(set)
        self._watched: dict[int, frozenset[str]] = {}

    async def watch(self, session: Session, user_ids: Sequence[str]) -> None:
        """Show these users' presence to the session from now on, instead of those before.

        Users whose presence it may not see are left out without a word.
        """
        visible = await self._people.visible(session.identity.user_id, user_ids) if user_ids else []
        await self.forget(session)
        self._watched[session.ref] = frozenset(visible)
        for user_id in visible:
            self._watchers[user_id].add(session.ref)
            await self._routes.care(_topic(user_id))
        online = await self._routes.lookup(visible)
        session.push_signal(self._encode([Presence(user_id, bool(online.get(user_id))) for user_id in visible]))

    async def forget(self, session: Session) -> None:
        """The session watches nobody any more."""
        for user_id in self._watched.pop(session.ref, frozenset()):
            watchers = self._watchers[user_id]
            watchers.discard(session.ref)
            if not watchers:
                del self._watchers[user_id]
                await self._routes.drop(_topic(user_id))

    def show(self, presence: Presence) -> None:
        """Tell the watchers on this node."""
        frame = self._encode([presence])
        for ref in self._watchers.get(presence.user_id, ()):
            session = self._hub.by_ref(ref)
            if session is not None:
                session.push_signal(frame)

    async def came(self, user_id: str) -> None:
        """A device of the user connected here."""
        await self._tell(Presence(user_id, online=True))

    async def went(self, user_id: str) -> None:
        """The user's last device here left; they may still be online elsewhere."""
        try:
            if (await self._routes.lookup([user_id])).get(user_id):
                return
        except MeshError:
            return
        await self._tell(Presence(user_id, online=False, seen_ms=self._clock.now_ms()))

    async def _tell(self, presence: Presence) -> None:
        try:
            caring = (await self._routes.caring([_topic(presence.user_id)])).get(_topic(presence.user_id), ())
        except MeshError:
            return
        if caring:
            await self._nodes.presence(caring, presence.user_id, online=presence.online, seen_ms=presence.seen_ms)


def _topic(user_id: str) -> str:
    return f"presence/{user_id}"
