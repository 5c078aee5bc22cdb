"""Messages of one device keep their order when some of them were told to come again.

A device that pipelines has written its next messages before it hears of a refusal. Taken, they would stand in the log
before the one that comes again. So whoever refuses a message refuses what is new behind it, until it is there again.

A device hears of refusals in their order, and sends again in the order of its numbers. So a refused message that comes
again says that those were given up that stand before it and were refused before it, and have not come.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from mesh import errors

if TYPE_CHECKING:
    from collections.abc import Hashable

    from mesh.clock import Clock
    from mesh.errors import MeshError

RETRY_S: Final = 0.1
"""When a message may come again that was new behind a refused one, in seconds."""

HOLD_S: Final = 10.0
"""How long a pipeline is held in which nothing comes again, in seconds: as long as a device waits for an answer before
it sends again by itself. One that never does is heard after it."""

MAX_HOLDS: Final = 16_384
"""Pipelines that are held; those that were refused longest ago are forgotten."""

MAX_NUMBERS: Final = 1_024
"""Refused messages of one pipeline; four times what a device may have on its way. The earliest are forgotten."""


def behind() -> MeshError:
    """The answer to a message that would overtake one."""
    message = "an earlier message was refused; send that again first"
    return errors.exhausted(errors.Reason.OVERLOADED, message, retry_after=RETRY_S)


@dataclass(slots=True)
class _Hold:
    """The refused numbers of a pipeline in the order in which they were refused, and when the last one came again."""

    since: float
    numbers: dict[int, None]


class Holds:
    """For each pipeline, such as a device in a conversation, the numbers that were told to come again and did not."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.held: OrderedDict[Hashable, _Hold] = OrderedDict()
        """The pipelines that are held. Whoever has a message looks at it before asking more: mostly it is empty."""

    def refused(self, pipeline: Hashable, number: int) -> None:
        """Remember a message that was told to come again."""
        hold = self.held.setdefault(pipeline, _Hold(self._clock.monotonic(), {}))
        self.held.move_to_end(pipeline)
        hold.numbers.pop(number, None)
        hold.numbers[number] = None
        if len(hold.numbers) > MAX_NUMBERS:
            del hold.numbers[next(iter(hold.numbers))]
        if len(self.held) > MAX_HOLDS:
            self.held.popitem(last=False)

    def blocks(self, pipeline: Hashable, number: int) -> bool:
        """Whether a message must be refused too, because it stands behind a refused one."""
        hold = self.held.get(pipeline)
        if hold is None:
            return False
        now = self._clock.monotonic()
        if number in hold.numbers:
            hold.since = now
            _give_up(hold.numbers, number)
        if now - hold.since < HOLD_S and any(other < number for other in hold.numbers):
            return True
        hold.numbers.pop(number, None)
        if not hold.numbers or now - hold.since >= HOLD_S:
            del self.held[pipeline]
        return False


def _give_up(numbers: dict[int, None], again: int) -> None:
    """Forget what stands before a message that comes again, and was refused before it."""
    earlier = list(takewhile(lambda other: other != again, numbers))
    for other in earlier:
        if other < again:
            del numbers[other]
