"""The order of one conversation at a device: what comes early waits for what is missing, as in any app."""

from collections.abc import Iterator

from bench.history import Arrival


class Order:
    """`last` is the place up to which the device has everything. What it wrote itself has a place and no arrival."""

    __slots__ = ("early", "last")

    def __init__(self, last: int = 0) -> None:
        self.last = last
        self.early: dict[int, Arrival | None] = {}

    def take(self, seq: int, arrival: Arrival | None) -> list[Arrival]:
        """Note a place that was not there before; return what can be shown now."""
        self.early[seq] = arrival
        return [shown for shown in self._ready() if shown is not None]

    def has(self, seq: int) -> bool:
        """Whether this place is there already."""
        return seq <= self.last or seq in self.early

    def _ready(self) -> Iterator[Arrival | None]:
        while self.last + 1 in self.early:
            self.last += 1
            yield self.early.pop(self.last)
