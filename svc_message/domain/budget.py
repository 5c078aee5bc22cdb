"""How much one answer may hold."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(slots=True)
class Budget:
    """Entries and bytes that may still be taken; when something did not fit, nothing more does, so order holds."""

    entries: int
    room: int
    """Bytes. While nothing was taken and there is any room, one entry fits that is larger."""
    _taken: bool = False

    def take(self, found: Iterable[bytes]) -> list[bytes]:
        """As many of the entries, from the first on, as fit."""
        fitting: list[bytes] = []
        for entry in found:
            if not self._fits(len(entry)):
                self.entries = 0
                break
            self._taken = True
            self.entries -= 1
            self.room -= len(entry)
            fitting.append(entry)
        return fitting

    def _fits(self, size: int) -> bool:
        return self.entries > 0 and self.room > 0 and (size <= self.room or not self._taken)
