"""What lists of conversations say of a group to a bot: what is unread, and what is the newest that it is shown.

For everybody else both follow from places. For a bot entries have to be looked at, a bounded number of them: it is
exact for a bot that keeps up, and says too little to one that is far behind.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from svc_message.application.bots.sights import Sights
from svc_message.domain.conversation import ConversationId, Membership, UserId
from svc_message.domain.entry import Stored
from svc_message.domain.ports import Log, Members, Unread, UnreadAsk
from svc_message.domain.posts.changes import Changes, PostSpan

LOOKED: Final = 200
"""Posts behind the read position that are looked at."""

NEWEST: Final = 100
"""Entries at the end of a log among which the newest is looked for that is shown."""


class Unreads:
    """Counts what is unread, for users and for bots."""

    def __init__(self, log: Log, members: Members, changes: Changes, sights: Sights) -> None:
        self._log = log
        self._members = members
        self._changes = changes
        self._sights = sights

    async def count(
        self, user_id: UserId, places: Mapping[ConversationId, Membership], asks: Sequence[UnreadAsk], limit: int
    ) -> list[Unread]:
        """As `Members.unread`; `places` are those of the conversations that are asked about."""
        whole = [ask for ask in asks if not places[ask.conversation_id].addressed_before]
        counted = iter(await self._members.unread(user_id, whole, limit) if whole else ())
        return [
            await self._looked(place, ask, limit)
            if (place := places[ask.conversation_id]).addressed_before
            else next(counted)
            for ask in asks
        ]

    async def newest(self, place: Membership, conversation_id: ConversationId, last: int) -> Stored | None:
        """The newest entry up to `last` that a bot is shown, of the last `NEWEST`; None when there is none."""
        first = max(place.first_seq, last - NEWEST + 1)
        found = await self._log.read(conversation_id, first, last, NEWEST, descending=True)
        seen = await self._sights.seen(place, found)
        return seen[0] if seen else None

    async def _looked(self, place: Membership, ask: UnreadAsk, limit: int) -> Unread:
        if ask.after >= ask.last:
            return Unread()
        found = await self._changes.posts(PostSpan(ask.conversation_id, ask.after + 1, ask.last), LOOKED)
        seen = await self._sights.seen(place, found)
        posts = [one for one in seen if one.sender_id != place.user_id and one.seq not in ask.without][:limit]
        return Unread(len(posts), sum(self._sights.mentions(place.user_id, one) for one in posts))
