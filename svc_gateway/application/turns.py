"""Whose turn it is to write."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

AT_ONCE: Final = 32
"""Writes that begin in one turn of the loop: about 1 ms of work."""


class Turns:
    """Sessions with something to write, first come first served, a few in each turn of the loop.

    A write costs 30 to 50 µs whatever it holds. Between two turns the node reads and commits, so the busier it is, the
    more has gathered for a session when its turn comes; on an idle node its turn is the next one.
    """

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()
        self._called = False

    def join(self, write: Callable[[], None]) -> None:
        """Call `write` when its turn comes: it begins a write and does not wait for it."""
        self._waiting.append(write)
        self._call()

    def _call(self) -> None:
        if self._waiting and not self._called:
            self._called = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._called = False
        try:
            for _ in range(min(AT_ONCE, len(self._waiting))):
                self._waiting.popleft()()
        finally:
            self._call()
