"""Whether somebody still has to be told of what stands in their personal log."""

from typing import Final

from svc_message.domain.conversation import ConversationId, UserId
from svc_message.domain.ports import Log, Members
from svc_message.domain.push.notification import News, NewsReader

LATER: Final = 200
"""Entries after a notice that are looked at for what undoes it."""


class Notices:
    """Looks at the personal log once more: two reads, for what is rare."""

    def __init__(self, log: Log, members: Members, reader: NewsReader) -> None:
        self._log = log
        self._members = members
        self._reader = reader

    async def settled(self, user_id: UserId, news: News) -> bool:
        """Whether a device of the user has received it, or it was answered or taken back. UNAVAILABLE as the store
        says.
        """
        own = ConversationId(user_id)
        place = await self._members.one(own, user_id)
        if place is not None and place.heard >= news.seq:
            return True
        found = await self._log.read(own, news.seq, news.seq + LATER, LATER)
        return all(one.seq != news.seq for one in self._reader.news([one.entry for one in found]))
