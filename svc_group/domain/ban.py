"""Bans: users who may not come back into a group."""

from dataclasses import dataclass
from typing import Final

from svc_group.domain.group import GroupId, UserId

MAX_BAN_MS: Final = 10 * 365 * 24 * 3_600_000
"""A longer ban counts as one for good, as the contract says."""

MAX_LIVE: Final = 10_000
"""Bans of one group that hold at the same time: as many as it may have members."""


@dataclass(frozen=True, slots=True)
class Ban:
    """A user who may not come back; kept when it was lifted, so that there is one for each user and group."""

    group_id: GroupId
    user_id: UserId
    banned_by: UserId
    created_at_ms: int
    expires_at_ms: int = 0
    """0: for good."""
    reason: str = ""
    lifted: bool = False

    def holds(self, now_ms: int) -> bool:
        """Whether it keeps the user out at this time."""
        return not self.lifted and (self.expires_at_ms == 0 or self.expires_at_ms > now_ms)


def end_of(now_ms: int, duration_ms: int) -> int:
    """When a ban of this length ends, Unix ms; 0: never."""
    return now_ms + duration_ms if 0 < duration_ms <= MAX_BAN_MS else 0
