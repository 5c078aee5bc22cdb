"""Places for calls that last as long as their callers like, such as streams that somebody reads.

Whoever takes a place and does nothing with it must not keep others out. So a newcomer always finds one: when all are
taken, the call that waits for its caller for the longest makes room, is told so, and may go on later from where it was.
Where none waits for its caller, it is the one that got on least lately.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import asynccontextmanager, contextmanager
from math import inf
from typing import TYPE_CHECKING, Final

from mesh import errors
from mesh.errors import Reason

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator

    from mesh.errors import MeshError

RETRY_S: Final = 1.0


class Seat:
    """The place of one call. `stall_seconds` is how long it may wait for its caller at a time."""

    def __init__(
        self, owner: str, limit: asyncio.Timeout, stall_seconds: float, got_on: Callable[[Seat], None]
    ) -> None:
        self.owner = owner
        self.end: MeshError | None = None
        self.waits_since = inf
        """Since when it waits for its caller, seconds of the loop; infinite while it does not."""
        self._limit = limit
        self._stall_seconds = stall_seconds
        self._got_on = got_on

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Wait for the caller, to take what is written for example, and for nobody else. Then the call has got on."""
        self.waits_since = asyncio.get_running_loop().time()
        self._expire(self._stall_seconds)
        yield
        self.waits_since = inf
        self._expire(None)
        self._got_on(self)

    def give_up(self, why: MeshError) -> None:
        """End the call with this error, unless it ends already."""
        self.end = why
        self._expire(0)

    def _expire(self, seconds: float | None) -> None:
        if not self._limit.expired():
            self._limit.reschedule(None if seconds is None else asyncio.get_running_loop().time() + seconds)


class Seats:
    """So many places in all, and so many of one owner, who is told to come again for more. `of` is what has a place."""

    def __init__(self, places: int, of_one: int, *, of: str, stall_seconds: float = 5.0) -> None:
        self._places = places
        self._of_one = of_one
        self._of = of
        self._stall_seconds = stall_seconds
        self._taken: OrderedDict[Seat, None] = OrderedDict()
        """Those that got on least lately come first."""

    def __len__(self) -> int:
        """Return how many places are taken."""
        return len(self._taken)

    @asynccontextmanager
    async def take(self, owner: str) -> AsyncGenerator[Seat, None]:
        """Have a place for a while, in one task.

        Raises OVERLOADED at once for an owner who has enough of them, and later when somebody else needs the place;
        DEADLINE_EXCEEDED when the caller lets it wait for too long.
        """
        self._refuse(owner)
        limit = asyncio.timeout(None)
        seat = Seat(owner, limit, self._stall_seconds, self._got_on)
        try:
            async with limit:
                self._sit(seat)
                try:
                    yield seat
                finally:
                    self._taken.pop(seat, None)
        except TimeoutError:
            if not limit.expired():
                raise
            raise (seat.end or _stalled()) from None

    def _got_on(self, seat: Seat) -> None:
        """Others make room before this one."""
        if seat in self._taken:
            self._taken.move_to_end(seat)

    def _refuse(self, owner: str) -> None:
        if sum(seat.owner == owner for seat in self._taken) >= self._of_one:
            message = f"{self._of_one} of your {self._of} at a time; end one, or come again when it has ended"
            raise errors.exhausted(Reason.OVERLOADED, message, retry_after=RETRY_S)

    def _sit(self, seat: Seat) -> None:
        if len(self._taken) >= self._places:
            slowest = min(self._taken, key=lambda seat: seat.waits_since)  # of equal ones the first
            del self._taken[slowest]
            message = f"others need the place, and this is the slowest of all {self._of}; come again for the rest"
            slowest.give_up(errors.exhausted(Reason.OVERLOADED, message, retry_after=RETRY_S))
        self._taken[seat] = None


def _stalled() -> MeshError:
    return errors.deadline(Reason.DEADLINE_EXCEEDED, "nobody takes what is written; come again for the rest")
