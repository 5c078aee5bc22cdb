"""How large groups become, and how often somebody may do what costs or guesses."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Limits:
    """Settings of an installation."""

    members: int = 10_000
    """Of one group."""
    groups_per_user: int = 1_000
    """Groups that one user is in."""


class Allowance(Protocol):
    """So many acts of one kind for each user and hour."""

    def take(self, key: str) -> None:
        """Count one act of this user. Raises RATE_LIMITED with the time until the next one."""
