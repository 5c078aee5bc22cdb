"""How users are seen: from where their devices are, how they want to be seen, and when they went."""

from collections.abc import Sequence
from dataclasses import dataclass

from mesh.routes import Routes
from svc_gateway.domain import LastSeen, People, Seen, Wish


@dataclass(frozen=True, slots=True)
class Presence:
    """How a user is seen: `seen_ms` is when they were last online, 0 while they are, and when that is not known."""

    user_id: str
    seen: Seen
    seen_ms: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """Whether a device of a user is connected anywhere, and how the user wants to be seen."""

    connected: bool
    wish: Wish

    def shown(self, user_id: str, went_ms: int) -> Presence:
        """How the user is seen; `went_ms` is when their last device went.

        Who wants to be seen as offline is seen in the same way whether a device is connected or not.
        """
        if self.wish.seen is Seen.OFFLINE:
            return Presence(user_id, Seen.OFFLINE, self.wish.since_ms)
        if not self.connected:
            return Presence(user_id, Seen.OFFLINE, went_ms)
        return Presence(user_id, self.wish.seen)


class Seeing:
    """Looks at users, for those who may see them."""

    def __init__(self, routes: Routes, people: People, last_seen: LastSeen) -> None:
        self._routes = routes
        self._people = people
        self._last_seen = last_seen

    async def states(self, user_ids: Sequence[str]) -> dict[str, State]:
        """The states of these users; who does not exist is left out. UNAVAILABLE when it cannot be known."""
        wishes = await self._people.wishes(user_ids)
        routes = await self._routes.lookup(list(wishes))
        return {user_id: State(bool(routes.get(user_id)), wish) for user_id, wish in wishes.items()}

    async def look(self, user_ids: Sequence[str]) -> list[Presence]:
        """How these users are seen now. UNAVAILABLE as `states`."""
        if not user_ids:
            return []
        states = await self.states(user_ids)
        away = [user_id for user_id, state in states.items() if not state.connected]
        went = await self._last_seen.of(away)
        return [state.shown(user_id, went.get(user_id, 0)) for user_id, state in states.items()]
