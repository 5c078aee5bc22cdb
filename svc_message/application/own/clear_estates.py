"""Erase what a deleted user has uploaded and nobody else may see: what was never sent, or only to themselves.

What an entry of theirs shows in a conversation with others belongs to all in it, as its words do, and stays. So the
logs of their conversations are looked through once for what they show; the rest goes. Whoever dies at it begins anew.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from mesh.clock import Clock, until
from mesh.errors import MeshError
from svc_message.domain.conversation import ConversationId, ConversationKind, UserId, kind_of
from svc_message.domain.media.estate import AGAIN_MS, Estate, Estates, Traces, erased, is_erased
from svc_message.domain.media.ports import MediaUses
from svc_message.domain.ports import Log, Members

PERIOD_S: Final = 30.0
"""For what another process left: who begins one here looks at once."""

SOME: Final = 20
"""Estates of one look."""

PAGE: Final = 200
"""Media that are read at a time."""

STRETCH: Final = 2_000
"""Places of a log that are looked at at a time, so that others have their turn."""


class EstateClearing:
    """One node does it for all; that two do it harms nothing."""

    def __init__(
        self,
        estates: Estates,
        traces: Traces,
        log: Log,
        members: Members,
        uses: MediaUses,
        leads: Callable[[], bool],
        clock: Clock,
    ) -> None:
        self._estates = estates
        self._traces = traces
        self._log = log
        self._members = members
        self._uses = uses
        self._leads = leads
        self._clock = clock
        self._begun = asyncio.Event()

    async def begin(self, user_id: UserId) -> None:
        """Have the media of a user looked at: durably noted when this returns. UNAVAILABLE."""
        await self._estates.put(Estate(user_id, self._clock.now_ms()))
        self._begun.set()

    async def run(self) -> None:
        """Look every half minute, and when one has begun here, for ever."""
        while True:
            self._begun.clear()
            if self._leads():
                with suppress(MeshError):  # the store is away: it is looked at again
                    await self.look()
            await until(self._begun, PERIOD_S, self._clock)

    async def look(self) -> None:
        """Settle the estates that are due."""
        for estate in await self._estates.due(self._clock.now_ms(), SOME):
            with suppress(MeshError):  # one that cannot be settled now does not stand before the others
                await self._settle(estate)

    async def _settle(self, estate: Estate) -> None:
        """Erase what nobody else may see. What somebody was at meanwhile is looked at again, with all the rest."""
        some = await self._estates.leavings(estate.user_id, "", 1)
        if some and not await self._erase(estate.user_id, await self._shown(estate.user_id)):
            return
        if estate.last:
            await self._estates.close(estate)
        else:
            await self._estates.put(Estate(estate.user_id, self._clock.now_ms() + AGAIN_MS, last=True))

    async def _erase(self, user_id: UserId, shown: frozenset[str]) -> bool:
        """Erase all but these; whether nobody was in the way."""
        whole, after = True, ""
        while page := await self._estates.leavings(user_id, after, PAGE):
            for media in page:
                if media.media_id not in shown and not is_erased(media):
                    whole &= await self._estates.erase(erased(media, self._clock.now_ms()))
            after = page[-1].request_id
        await self._estates.scrub()
        return whole

    async def _shown(self, user_id: UserId) -> frozenset[str]:
        """All media that entries of this user show in conversations with others."""
        shown = set[str]()
        for conversation_id in await self._members.of_user(user_id):
            personal = kind_of(conversation_id) is ConversationKind.PERSONAL
            if not personal and await self._traces.shared(conversation_id, user_id):
                shown |= await self._shown_in(conversation_id, user_id)
        return frozenset(shown)

    async def _shown_in(self, conversation_id: ConversationId, user_id: UserId) -> set[str]:
        shown = set[str]()
        head = (await self._log.heads((conversation_id,)))[conversation_id]
        for first in range(1, head + 1, STRETCH):
            for stored in await self._traces.written(conversation_id, user_id, first, first + STRETCH - 1):
                shown |= self._uses.of(stored.entry).media_ids
        return shown
