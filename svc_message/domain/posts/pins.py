"""Pinned posts of one conversation: what follows from the entries that pin and unpin, and who may."""

from dataclasses import dataclass, field
from typing import Final

from mesh import errors
from mesh.errors import MeshError
from svc_message.domain.conversation import Seq
from svc_message.domain.reasons import Reason

MAX_PINS: Final = 100
"""Pinned posts of one conversation."""


@dataclass(slots=True)
class Pins:
    """The pinned posts after the changes up to `reached`: the seq of each post, and of the entry that pinned it."""

    reached: Seq = Seq(0)
    _pinned: dict[Seq, Seq] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._pinned)

    def take(self, target: Seq, seq: Seq, *, removed: bool) -> None:
        """Take in the next change. Pinning what is pinned brings it to the front."""
        self.reached = seq
        self._pinned.pop(target, None)
        if not removed:
            self._pinned[target] = seq

    def newest_first(self) -> list[tuple[Seq, Seq]]:
        """(post, entry that pinned it), the one pinned last first."""
        return list(self._pinned.items())[::-1]

    def refuse(self, target: Seq) -> MeshError | None:
        """The reason why this one may not be pinned besides; None when it may."""
        if target in self._pinned or len(self) < MAX_PINS:
            return None
        return errors.precondition(
            Reason.PIN_LIMIT_REACHED, f"a conversation has at most {MAX_PINS} pinned posts: unpin one first"
        )
