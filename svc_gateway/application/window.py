"""How many sends the devices of a node may have unanswered: together, and so each of them.

Most of what waits for a busy node waits where it cannot be seen, in the buffers of the transport. Devices know: each
frame with sends says how many are unanswered. While that is too much in all, devices with more than their share are
asked for less, and those that go on are refused; so a message that is let in has its answer in time.
"""

from typing import Final

from svc_gateway.domain import Limits

FILL: Final = 0.85
"""Part of `node_in_flight` to which smaller windows bring the node down."""

EASY: Final = 0.25
"""Part of it, below which devices get larger windows again."""

IDLE: Final = 0.05
"""Part of it that a node must have let in before it refuses anything: what devices say of themselves is not work."""

UNEVEN: Final = 1.25
"""How many times its share a device has that is asked for less before the node is full."""

STEP: Final = 0.8
"""A window shrinks at least to this part of it: each change costs a frame."""

CALM: Final = 4
"""How many frames of each busy device must have found the node at ease before windows grow: what is answered in one
turn makes room until the next one only, and windows that grow with each and shrink again are frames for nothing."""

PATIENCE: Final = 1.5
"""How many times its window a device may have: it hears of a smaller one only after what is on its way."""


class Window:
    """The unanswered sends of a node, and what that means for a device."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._unanswered = 0
        self._busy = 0
        self._calm = 0
        self._let_in = 0

    def let_in(self, count: int) -> None:
        """So many more sends are let in and have no answer; fewer when it is negative."""
        self._let_in += count

    def change(self, before: int, after: int) -> None:
        """A device has another number of unanswered sends, those on their way included."""
        self._unanswered += after - before
        self._busy += (after > 0) - (before > 0)

    def next(self, allowed: int, unanswered: int) -> int:
        """How many a device may have from now on, that might have so many until now and has these."""
        self._calm = self._calm + 1 if self._unanswered < self._limits.node_in_flight * EASY else 0
        if self._pressed and unanswered > self._share * (1 if self._full else UNEVEN):
            return self._share if self._share <= allowed * STEP else allowed
        if self._calm > CALM * self._busy:
            return min(self._limits.in_flight, 2 * allowed)
        return allowed

    def refuses(self, allowed: int, unanswered: int) -> bool:
        """Whether a device goes on although it should have less."""
        working = self._let_in > self._limits.node_in_flight * IDLE
        return working and self._pressed and unanswered > PATIENCE * allowed

    @property
    def _pressed(self) -> bool:
        return self._unanswered > self._limits.node_in_flight * FILL

    @property
    def _full(self) -> bool:
        return self._unanswered > self._limits.node_in_flight

    @property
    def _share(self) -> int:
        """What each device that has something unanswered may have, if all have the same."""
        share = int(self._limits.node_in_flight * FILL) // max(1, self._busy)
        return min(self._limits.in_flight, max(self._limits.kept_in_flight, share))
