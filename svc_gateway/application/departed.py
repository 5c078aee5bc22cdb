"""Who has left this node lately: what still comes for them was sent by a node that has not heard that they left."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from mesh.clock import Clock

KNOWN_S: Final = 120.0
"""How long it is known who has left: well longer than a message node remembers where somebody was."""

MAX_KNOWN: Final = 50_000
"""Users, about 0.2 kB each; those who left longest ago are forgotten."""

AGAIN_S: Final = 1.0
"""How often it is said again of one user, at most."""


DOUBTED_S: Final = 5.0
"""How long after words were lost all is said again: by then the readers of a broker that was away are back."""


class Departed:
    """Tells that users have left, and tells it again when a delivery shows that somebody takes them for being here.

    The word may have been lost, or be on its way. Who looks at what the user missed has to look once more then: what
    has come since they left has reached nobody, and whoever sent it believes that it has.
    """

    def __init__(self, left: Callable[[str], None], clock: Clock) -> None:
        """`left` tells the message nodes."""
        self._left = left
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Until when it is known that they left, and from when on it may be said again."""
        self._doubted: asyncio.TimerHandle | None = None

    def went(self, user_id: str) -> None:
        """The last device of a user here has gone."""
        now = self._clock.monotonic()
        self._known.pop(user_id, None)
        self._known[user_id] = now + KNOWN_S, now + AGAIN_S
        while len(self._known) > MAX_KNOWN or next(iter(self._known.values()))[0] <= now:
            self._known.popitem(last=False)
        self._left(user_id)

    def missing(self, user_id: str) -> None:
        """Something came for a user who is not here. Nothing is said of those who were not here lately: while nobody
        knows where anybody is, everything goes to every node.
        """
        ends, again = self._known.get(user_id, NEVER)
        now = self._clock.monotonic()
        if again <= now < ends:
            self._known[user_id] = ends, now + AGAIN_S
            self._left(user_id)

    def doubt(self) -> None:
        """Words were lost on the way to this node; so may have been those of this node. Say all again, in a moment."""
        if self._doubted is None:
            self._doubted = asyncio.get_running_loop().call_later(DOUBTED_S, self._say_all)

    def _say_all(self) -> None:
        self._doubted = None
        now = self._clock.monotonic()
        for user_id in [user_id for user_id, (ends, _) in self._known.items() if now < ends]:
            self._left(user_id)


NEVER: Final = (float("-inf"), float("-inf"))
