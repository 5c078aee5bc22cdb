"""Change what two users are to each other, whoever else changes it at the same time."""

from collections.abc import Callable
from typing import Final

from mesh import errors
from svc_user.domain.account import UserId
from svc_user.domain.friend import Pair
from svc_user.domain.friendship import Change
from svc_user.domain.ports import MessageNodes, Notices, Relations, Stale
from svc_user.domain.reasons import Reason

MAX_ATTEMPTS: Final = 5
"""How often a change is decided anew when the other side was faster."""


class Pairs:
    """Loads a pair, lets a rule decide, and keeps what it says."""

    def __init__(self, relations: Relations, notices: Notices, message_nodes: MessageNodes) -> None:
        self._relations = relations
        self._notices = notices
        self._message_nodes = message_nodes

    async def change(self, me: UserId, other: UserId, decide: Callable[[Pair], Change]) -> Pair:
        """Apply `decide` to the pair as it is and return it as it was kept. Raises what `decide` raises."""
        for _ in range(MAX_ATTEMPTS):
            before = await self._relations.load(me, other)
            change = decide(before)
            if change.pair == before:
                return before
            try:
                after = await self._relations.save(before, change.pair, change.notices)
            except Stale:
                continue
            self._notices.dispatch()
            await self._message_nodes.contact_changed(me, other)
            return after
        raise errors.unavailable(Reason.OVERLOADED, "too many changes between the two at once", retry_after=0.5)
