"""How much is written, day by day (UTC), and the store port for it."""

from dataclasses import dataclass
from typing import Final, Protocol

DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class DayCount:
    """One day, numbered from 1 January 1970 on. `active_users` wrote at least one post."""

    day: int
    posts: int
    entries: int
    active_users: int
    new_conversations: int


class Statistics(Protocol):
    """Counts of what the logs hold. UNAVAILABLE when the store cannot answer."""

    async def count(self, now_ms: int, limit: int) -> bool:
        """Count at most `limit` entries that were not counted yet; return whether there may be more.

        Each entry is counted once, also when several processes count at once.
        """

    async def days(self, since_day: int) -> list[DayCount]:
        """The days from this one on, the newest first; those without entries are left out."""

    async def counted_until_ms(self) -> int:
        """When the latest entry that was counted was written; 0 without any."""
