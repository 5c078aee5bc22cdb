"""Messages of one device keep their order when one of them was told to come again.

A device that pipelines has written its next messages before it hears of a refusal. Taken, they would stand in the log
before the one that comes again. So whoever refuses holds back what follows it, until the refused one is there again.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from mesh import errors

if TYPE_CHECKING:
    from collections.abc import Hashable

    from mesh.clock import Clock
    from mesh.errors import MeshError

HOLD_S: Final = 2.0
"""How long at most, in seconds: twice the longest time after which a refusal asks to try again. A device that gave the
refused message up is heard again after it."""

RETRY_S: Final = 0.1
"""When a message that was held back may come again, behind the refused one."""

MAX_HOLDS: Final = 65_536
"""About 10 MB; the oldest are forgotten."""


def behind() -> MeshError:
    """The answer to a message that would overtake one."""
    message = "an earlier message was refused; send that again first"
    return errors.exhausted(errors.Reason.OVERLOADED, message, retry_after=RETRY_S)


class Holds:
    """For each pipeline, such as a device in a conversation, the first number that was told to come again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._first: OrderedDict[Hashable, tuple[int, float]] = OrderedDict()

    def __len__(self) -> int:
        """Return how many pipelines are held."""
        return len(self._first)

    def refused(self, pipeline: Hashable, number: int) -> None:
        """Hold back what follows this message."""
        if not self.blocks(pipeline, number):
            self._first[pipeline] = (number, self._clock.monotonic() + HOLD_S)
            self._forget()

    def blocks(self, pipeline: Hashable, number: int) -> bool:
        """Whether a message must be refused because an earlier one has not come again; that one ends the hold."""
        held = self._first.get(pipeline)
        if held is None:
            return False
        first, until = held
        if number > first and self._clock.monotonic() < until:
            return True
        del self._first[pipeline]
        return False

    def _forget(self) -> None:
        """Drop holds that are over: they began first."""
        now = self._clock.monotonic()
        while self._first and (len(self._first) > MAX_HOLDS or next(iter(self._first.values()))[1] <= now):
            self._first.popitem(last=False)
