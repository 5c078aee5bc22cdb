"""Posts that destroy themselves."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from svc_message.domain.conversation import ConversationId, Seq


class Expiring(NamedTuple):
    """A post that goes at its time."""

    conversation_id: ConversationId
    seq: Seq


class Expiries(Protocol):
    """Which posts are to go: kept by the append of a post with `expires_after_ms`, in the same write.

    In a direct chat of two the time begins when the other one has read the post, elsewhere when it was sent.
    """

    async def begin(self, now_ms: int, after: str, limit: int) -> str:
        """Let the time begin for posts that were read since: look at `limit` of those that wait, from `after` on.

        Returns where to go on; empty: the end was reached.
        """

    async def due(self, now_ms: int, limit: int) -> list[Expiring]:
        """Posts whose time is over, the longest overdue first."""

    async def next_due(self) -> int | None:
        """When the next time is over, Unix milliseconds; None when no time runs."""

    async def done(self, gone: Sequence[Expiring]) -> None:
        """Forget posts that are gone."""
