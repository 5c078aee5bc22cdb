"""Whose turn it is to write."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

AT_ONCE: Final = 4
"""Writes that begin in one turn of the loop: about 1 ms of work."""

FOR_ANSWERS: Final = 3
"""As many of them are for answers first; the rest keeps deliveries moving however many answers wait."""

Begin = Callable[[], None]
"""Begins a write of what waits then, and does not wait for it."""


class Turns:
    """Sessions with something to write, first come first served in two lanes, a few in each turn of the loop.

    A write costs 30 to 50 µs whatever it holds. Between two turns the node reads and commits, so the busier it is, the
    more has gathered for a session when its turn comes; on an idle node its turn is the next one. Answers go first:
    whoever has one may write again, while what they wrote before is still being delivered to a large group, and both
    share the writes.
    """

    def __init__(self) -> None:
        self._answers: deque[Begin] = deque()
        self._deliveries: deque[Begin] = deque()
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
        if not self._called and (self._answers or self._deliveries):
            self._called = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._called = False
        try:
            answers = min(len(self._answers), max(FOR_ANSWERS, AT_ONCE - len(self._deliveries)))
            _take(self._answers, answers)
            _take(self._deliveries, AT_ONCE - answers)
        finally:
            self._call()


def _take(lane: deque[Begin], count: int) -> None:
    for _ in range(min(count, len(lane))):
        lane.popleft()()
