"""Routes that a node has looked up and may use again, so that a lively group is not looked up for each batch.

Only users who are somewhere are remembered: who comes online is found at once. A gateway tells the message nodes of
every user who has come to it, so that a device that moved is found as soon; what else changed is noticed when the
entry ends. A route that is too old costs a publish to a node that does not know the device; one that is missing, a
push that the device makes good from the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mesh.route import reach_of
from mesh.routes import unheeded

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from mesh.clock import Clock
    from mesh.leftovers import Live
    from mesh.route import Reach
    from mesh.routes import Routes

REMEMBERED_S: Final = 30.0
"""How long a look-up may be used again, should the word that something has changed be lost."""

MAX_USERS: Final = 200_000
"""About 0.3 kB each; those that were looked up longest ago are forgotten."""


class RouteMemory:
    """Look-ups of `Routes`, remembered for a while."""

    def __init__(self, routes: Routes, live: Live, clock: Clock) -> None:
        self._routes = routes
        self._live = live
        self._clock = clock
        self._known: dict[str, tuple[float, Reach]] = {}
        self._alive: frozenset[tuple[str, str]] = frozenset()
        self._asking: list[set[str]] = []
        """Of each look-up that is on its way, whom it must not remember."""
        self._stranded: Callable[[Sequence[str]], None] = unheeded

    def listen(self, stranded: Callable[[Sequence[str]], None]) -> None:
        """Tell this, when a node has died, which users were known to be there: who looked them up last has sent them
        what it had for them, and nobody else says that they are gone. It must not wait.
        """
        self._stranded = stranded

    async def lookup(self, users: Collection[str]) -> dict[str, Reach]:
        """How these users are reached; those without a device are left out. UNAVAILABLE as `Routes.lookup`."""
        self.notice()
        now = self._clock.monotonic()
        found: dict[str, Reach] = {}
        unknown: list[str] = []
        for user in users:
            known = self._known.get(user)
            if known is not None and known[0] > now:
                found[user] = known[1]
            else:
                unknown.append(user)
        if unknown:
            found.update(await self._ask(unknown, now))
        return found

    def forget(self, users: Iterable[str]) -> None:
        """Look these users up again: something about them has changed."""
        changed = list(users)
        for user in changed:
            self._known.pop(user, None)
        for moved in self._asking:
            moved.update(changed)

    def forget_all(self) -> None:
        """Look everybody up again: nobody knows what has changed."""
        self._known.clear()
        for moved in self._asking:
            moved.add(EVERYBODY)

    async def _ask(self, users: list[str], now: float) -> dict[str, Reach]:
        moved: set[str] = set()
        self._asking.append(moved)
        try:
            routes = await self._routes.lookup(users)
        finally:
            # By identity: two look-ups may have equal sets.
            self._asking = [other for other in self._asking if other is not moved]
        found = {user: reach_of(some) for user, some in routes.items()}
        if EVERYBODY not in moved:
            self._remember({user: reach for user, reach in found.items() if user not in moved}, now)
        return found

    def _remember(self, found: dict[str, Reach], now: float) -> None:
        for user, reach in found.items():
            self._known.pop(user, None)
            self._known[user] = now + REMEMBERED_S, reach
        while len(self._known) > MAX_USERS:
            del self._known[next(iter(self._known))]

    def notice(self) -> None:
        """Heed which nodes live: nothing that was known before one died is worth keeping.

        While none is known nothing is known to have died.
        """
        alive = frozenset(self._live())
        if not alive or alive == self._alive:
            return
        if not self._alive <= alive:
            gone = [user for user, (_, reach) in self._known.items() if not alive.issuperset(reach.nodes)]
            self.forget_all()
            if gone:
                self._stranded(gone)
        self._alive = alive


EVERYBODY: Final = ""
