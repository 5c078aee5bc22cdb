"""Whose turn it is to write."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

AT_ONCE: Final = 64
"""Writes in one turn of the loop: less than 1 ms of work."""

FOR_ANSWERS: Final = 48
"""As many of them are for answers first; the rest keeps deliveries moving however many answers wait."""

GATHER_FROM: Final = 64
"""Deliveries that wait together, from which on a round of them waits for more to share its writes."""

WRITE_S: Final = 40e-6
"""For each write of a round, how long it waits at most for more to share it: a write wakes its receiver too."""

MAX_GATHER_S: Final = 0.025
"""And no longer than this, so that a delivery to a group of a thousand stays below a tenth of a second."""

Begin = Callable[[], None]
"""Writes what waits then, and does not wait where the transport is full."""


class Turns:
    """Sessions with something to write, first come first served in two lanes, some in each turn of the loop.

    A write costs about 10 µs whatever it holds, and wakes its receiver. Between two turns the node reads and commits,
    so the busier it is, the more has gathered for a session when its turn comes; on an idle node its turn is the next
    one. Answers go first:
    whoever has one may write again, while what they wrote before is still being delivered to a large group, and both
    share the writes. For the same reason large rounds of deliveries do not follow each other without a pause: a lone
    message to a thousand members goes out at once, and in a lively group each write carries several.
    """

    def __init__(self) -> None:
        self._answers: deque[Begin] = deque()
        self._deliveries: deque[Begin] = deque()
        self._round = 0
        self._began = self._ended = 0.0
        self._gathering = False
        self._called = False

    def answer(self, begin: Begin) -> None:
        """Call `begin` in the lane of those who wait for an answer."""
        self._answers.append(begin)
        self._call()

    def deliver(self, begin: Begin) -> None:
        """Call `begin` in the other lane."""
        self._deliveries.append(begin)
        self._call()

    def _call(self) -> None:
        if not self._called and (self._answers or (self._deliveries and not self._gathering)):
            self._called = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._called = False
        try:
            answers = min(len(self._answers), max(FOR_ANSWERS, AT_ONCE - len(self._deliveries)))
            _take(self._answers, answers)
            if self._deliveries and not self._gathering:
                self._deliver(AT_ONCE - answers)
        finally:
            self._call()

    def _deliver(self, count: int) -> None:
        """Go on with the round of deliveries, or begin one with all that wait now."""
        if not self._round and self._gather():
            return
        count = min(count, self._round)
        self._round -= count
        _take(self._deliveries, count)
        if not self._round:
            self._ended = asyncio.get_running_loop().time()

    def _gather(self) -> bool:
        """Whether the next round has to wait: it is a large one, and the last one has just ended."""
        loop, waiting = asyncio.get_running_loop(), len(self._deliveries)
        # A round of a thousand writes gathers while it lasts.
        pause = MAX_GATHER_S - (self._ended - self._began)
        begins = self._ended + min(waiting * WRITE_S, pause)
        if waiting >= GATHER_FROM and loop.time() < begins:
            self._gathering = True
            loop.call_at(begins, self._begin_round)
            return True
        self._begin(waiting)
        return False

    def _begin_round(self) -> None:
        self._gathering = False
        self._begin(len(self._deliveries))
        self._call()

    def _begin(self, count: int) -> None:
        self._round = count
        self._began = asyncio.get_running_loop().time()


def _take(lane: deque[Begin], count: int) -> None:
    for _ in range(min(count, len(lane))):
        lane.popleft()()
