"""Users who come, go, or want to be seen in another way: told to the nodes with devices that watch them.

Best effort, beside everything else, and for all who came or went at the same time together. A user who goes is told of
only after a moment, so that a phone that connects again does not blink.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from mesh.clock import Clock, until
from mesh.errors import MeshError
from mesh.limits import Rate, TokenBuckets
from mesh.route import NodeKey
from mesh.routes import Routes
from svc_gateway.application.hub import Hub
from svc_gateway.application.seeing import Presence, Seeing, State
from svc_gateway.domain import LastSeen, Nodes, People, Seen

LEFT_S: Final = 1.0
"""How long a user must be gone before anybody is told."""

AT_ONCE: Final = 500
"""Users that are looked at together."""

MAX_WAITING: Final = 20_000
"""Users who may wait to be told of; the others are found by the nodes that watch them, a little later."""

WISHES: Final = Rate(10, 0.1)
"""How often a user may say how to be seen: ten times at once, six times a minute in the long run."""


class Comings:
    """What watchers on all nodes are told of the users of this node."""

    def __init__(
        self,
        routes: Routes,
        nodes: Nodes,
        people: People,
        seeing: Seeing,
        last_seen: LastSeen,
        hub: Hub,
        clock: Clock,
    ) -> None:
        self._routes = routes
        self._nodes = nodes
        self._people = people
        self._seeing = seeing
        self._last_seen = last_seen
        self._hub = hub
        self._clock = clock
        self._due: dict[str, float] = {}
        self._wake = asyncio.Event()
        self._rates = TokenBuckets(WISHES, clock)

    def came(self, user_id: str) -> None:
        """A device of the user connected here."""
        self._wait(user_id, 0.0)

    def went(self, user_id: str) -> None:
        """The user's last device here left; they may still be online elsewhere."""
        self._wait(user_id, LEFT_S)

    def changed(self, user_id: str) -> None:
        """The user may want to be seen in another way."""
        if self._hub.of_user(user_id):
            self._wait(user_id, 0.0)

    async def be_seen(self, user_id: str, seen: Seen) -> None:
        """Keep how the user wants to be seen. RATE_LIMITED, SERVICE_UNAVAILABLE."""
        self._rates.take(user_id)
        await self._people.wish(user_id, seen)

    async def run(self) -> None:
        """Tell for ever."""
        while True:
            if not self._due:
                self._wake.clear()
                await self._wake.wait()
            now = self._clock.monotonic()
            users = [user_id for user_id, due in self._due.items() if due <= now][:AT_ONCE]
            for user_id in users:
                del self._due[user_id]
            if users:
                await self._tell(users)
            else:
                await self._until(min(self._due.values()) - now)

    async def _until(self, seconds: float) -> None:
        """Wait so long, or until somebody comes, who need not wait."""
        self._wake.clear()
        await until(self._wake, seconds, self._clock)

    def _wait(self, user_id: str, seconds: float) -> None:
        if user_id in self._due or len(self._due) < MAX_WAITING:
            self._due[user_id] = self._clock.monotonic() + seconds
            self._wake.set()

    async def _tell(self, users: Sequence[str]) -> None:
        try:
            topics = {user_id: topic_of(user_id) for user_id in users}
            caring = await self._routes.caring(list(topics.values()))
            wanted = [user_id for user_id in users if topics[user_id] in caring or not self._hub.of_user(user_id)]
            for user_id, state in (await self._seeing.states(wanted)).items() if wanted else ():
                await self._say(user_id, state, caring.get(topics[user_id], ()))
        except MeshError:
            return  # the nodes that watch these users look by themselves now and then

    async def _say(self, user_id: str, state: State, caring: Sequence[NodeKey]) -> None:
        went_ms = 0 if state.connected else self._clock.now_ms()
        if went_ms and state.wish.seen is not Seen.OFFLINE:
            await self._last_seen.note(user_id, went_ms)
        presence: Presence = state.shown(user_id, went_ms)
        if caring:
            await self._nodes.presence(caring, user_id, presence.seen, presence.seen_ms)


def topic_of(user_id: str) -> str:
    """What a node that watches a user cares about."""
    return f"presence/{user_id}"
