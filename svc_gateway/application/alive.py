"""Sessions that are alive, remembered for a while, so that devices that come back all at once ask nobody."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from mesh.clock import Clock
from mesh.errors import MeshError
from svc_gateway.domain import Ended

BELIEVED_S: Final = 15 * 60.0
"""How long a session that was alive is believed to be: as long as an access token lives. The list of ended sessions,
which is asked besides, keeps each of them for longer than that."""

REMEMBERED: Final = 50_000
"""Sessions kept, about 250 bytes each; beyond it those that were confirmed least lately go."""

Ask = Callable[[str], Awaitable[bool]]
"""Whether a session may open a stream, from the user service. SERVICE_UNAVAILABLE when it does not answer."""


class Alive:
    """Says whether sessions are alive. That one has ended is never remembered, only that one was alive."""

    def __init__(self, ask: Ask, ended: Ended, clock: Clock) -> None:
        self._ask = ask
        self._ended = ended
        self._clock = clock
        self._until: OrderedDict[str, float] = OrderedDict()
        self._forgotten = 0

    async def check(self, session_id: str) -> bool:
        """Whether the session may open a stream. SERVICE_UNAVAILABLE when nobody can say."""
        if self._clock.monotonic() < self._until.get(session_id, 0.0):
            try:
                return not await self._ended.has_ended(session_id)
            except MeshError:
                pass  # without the list memory alone would let in who was ended meanwhile
        return await self.confirm(session_id)

    async def confirm(self, session_id: str) -> bool:
        """Ask the user service, and remember what it says. SERVICE_UNAVAILABLE when it does not answer."""
        forgotten = self._forgotten
        alive = await self._ask(session_id)
        if alive and forgotten == self._forgotten:  # else the answer may be older than the word that it has ended
            self._remember(session_id)
        return alive

    def forget(self, session_id: str) -> None:
        """The session was ended."""
        self._until.pop(session_id, None)
        self._forgotten += 1

    def forget_all(self) -> None:
        """Words about ended sessions may have been lost."""
        self._until.clear()
        self._forgotten += 1

    def _remember(self, session_id: str) -> None:
        self._until[session_id] = self._clock.monotonic() + BELIEVED_S
        self._until.move_to_end(session_id)
        if len(self._until) > REMEMBERED:
            self._until.popitem(last=False)
