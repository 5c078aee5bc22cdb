"""Give a user everything that they may see of a conversation."""

from collections.abc import AsyncGenerator
from typing import Final

from mesh import errors
from svc_message.application.changes import changes_of
from svc_message.application.sync.catch_up import MAX_BYTES, within
from svc_message.domain.conversation import ConversationId, UserId, kind_of
from svc_message.domain.entry import Stored
from svc_message.domain.own import Owns, Veil, hidden
from svc_message.domain.ports import Log, Members
from svc_message.domain.reasons import Reason
from svc_message.domain.rules import unknown_conversation

MAX_EXPORTS: Final = 4
"""Exports of one node at the same time, one of each user; more are told to come again."""

PAGE: Final = 200
"""Entries that are read at a time."""


class Exports:
    """Reads logs from their beginning to their end, page by page, as fast as the reader takes them."""

    def __init__(self, log: Log, members: Members, owns: Owns) -> None:
        self._log = log
        self._members = members
        self._owns = owns
        self._exporting: set[UserId] = set()

    async def pages(self, user_id: UserId, conversation_id: ConversationId) -> AsyncGenerator[list[Stored], None]:
        """Entries that the user sees, oldest first, up to the end as of now. CONVERSATION_NOT_FOUND, OVERLOADED."""
        if len(self._exporting) >= MAX_EXPORTS or user_id in self._exporting:
            raise errors.exhausted(Reason.OVERLOADED, "too many exports at a time; come again", retry_after=2.0)
        self._exporting.add(user_id)
        try:
            async for page in self._pages(user_id, conversation_id):
                yield page
        finally:
            self._exporting.discard(user_id)

    async def _pages(self, user_id: UserId, conversation_id: ConversationId) -> AsyncGenerator[list[Stored], None]:
        place = await self._members.one(conversation_id, user_id) if kind_of(conversation_id) else None
        if place is None:
            raise unknown_conversation()
        veil = (await self._owns.one(user_id, conversation_id)).veil
        last = place.last_visible((await self._log.heads((conversation_id,)))[conversation_id])
        following = max(place.first_seq, veil.cleared_seq + 1)
        without: set[int] = set()
        while page := within(await self._log.read(conversation_id, following, last, PAGE), MAX_BYTES):
            following = page[-1].seq + 1
            without |= await self._hidden(veil, page)
            yield [stored for stored in page if stored.seq not in without]

    async def _hidden(self, veil: Veil, page: list[Stored]) -> set[int]:
        """What of the page is hidden, and what changes it there and later."""
        gone = {stored.seq for stored in page if hidden(veil, stored.seq)}
        return gone | await changes_of(self._log, page[0].conversation_id, gone)
