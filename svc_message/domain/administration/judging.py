"""What a model says of what people write."""

from dataclasses import dataclass
from typing import Protocol

from mesh.words import Action


@dataclass(frozen=True, slots=True)
class Finding:
    """What is to be done, REVIEW or BLOCK, and why, for moderators."""

    action: Action
    explanation: str


class Critic(Protocol):
    """A model that judges texts."""

    async def judge(self, entry: bytes) -> Finding | None:
        """What it finds in the words of an encoded entry, or in its content as the tail of one; None: nothing.

        Raises Away (`domain.outside`) when it gives no answer within its time.
        """
