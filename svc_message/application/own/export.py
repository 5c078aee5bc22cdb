"""Give a user everything that they may see of a conversation."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

from mesh.seats import Seats
from svc_message.application.bots.sights import Sights
from svc_message.application.sync.catch_up import MAX_BYTES, within
from svc_message.domain.conversation import ConversationId, UserId, kind_of
from svc_message.domain.entry import EntryKind, Stored
from svc_message.domain.own import Owns, Veil, hidden
from svc_message.domain.ports import Log, Members
from svc_message.domain.rules import unknown_conversation
from svc_message.domain.said import Reading

MOST: Final = 256
"""Exports of one node at the same time, one of each user: each holds a page, while its reader takes it."""

STALL_S: Final = 5.0
"""Seconds that the reader of an export may not take anything."""

READS: Final = 4
"""Pages that are read for exports at a time, each for another user; who asks next waits for their turn."""

PAGE: Final = 200
"""Entries that are read at a time."""

CHANGING: Final = (EntryKind.EDIT, EntryKind.RECALL, EntryKind.PIN)
"""What is hidden with the post that it changes."""


class Exports:
    """Reads logs from their beginning to their end, page by page, as fast as the reader takes them.

    Users take turns for each page, and a page that was read occupies nobody's turn while it is on its way.
    """

    def __init__(self, log: Log, members: Members, owns: Owns, sights: Sights, reading: Reading) -> None:
        self._log = log
        self._sights = sights
        self._members = members
        self._owns = owns
        self._reading = reading
        self.seats = Seats(MOST, 1, of="exports", stall_seconds=STALL_S)
        """An export is read in one of these."""
        self._turns = asyncio.Semaphore(READS)

    async def pages(
        self, user_id: UserId, conversation_id: ConversationId, first: int = 0
    ) -> AsyncGenerator[list[Stored], None]:
        """Entries that the user sees from seq `first` on, oldest first, up to the end as of now.

        Raises CONVERSATION_NOT_FOUND.
        """
        place = await self._members.one(conversation_id, user_id) if kind_of(conversation_id) else None
        if place is None:
            raise unknown_conversation()
        veil = (await self._owns.one(user_id, conversation_id)).veil
        last = place.last_visible((await self._log.heads((conversation_id,)))[conversation_id])
        following = max(place.first_seq, veil.cleared_seq + 1, first)
        while True:
            async with self._turns:
                page = within(await self._log.read(conversation_id, following, last, PAGE), MAX_BYTES)
                seen = await self._sights.seen(place, [stored for stored in page if not self._hidden(veil, stored)])
            if not page:
                return
            following = page[-1].seq + 1
            yield seen

    def _hidden(self, veil: Veil, stored: Stored) -> bool:
        """Whether the user has hidden it, or the post that it changes."""
        changes = bool(veil.hidden) and stored.kind in CHANGING
        target = self._reading.said(stored.entry).target if changes else 0
        return hidden(veil, stored.seq, target)
