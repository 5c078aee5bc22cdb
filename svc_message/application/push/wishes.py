"""What users want to be told, for those who notify them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mesh.clock import Clock
from svc_message.domain.conversation import ConversationId, UserId
from svc_message.domain.own import Owns
from svc_message.domain.push.quiet import QuietHours, QuietStore

MAX_PAIRS: Final = 500
"""Pairs that are read in one go; longer lists are read in several."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user wants to hear of a conversation at this moment."""

    muted: bool = False
    quiet: bool = False


class Wishes:
    """Reads mutes and quiet hours. Raises UNAVAILABLE when the store cannot answer."""

    def __init__(self, owns: Owns, quiet: QuietStore, clock: Clock) -> None:
        self._owns = owns
        self._quiet = quiet
        self._clock = clock

    async def of(self, pairs: Sequence[tuple[UserId, ConversationId]]) -> dict[tuple[UserId, ConversationId], Wish]:
        """The wishes of users about conversations, one for each pair: two reads for each `MAX_PAIRS`."""
        found: dict[tuple[UserId, ConversationId], Wish] = {}
        for start in range(0, len(pairs), MAX_PAIRS):
            found |= await self._some(pairs[start : start + MAX_PAIRS])
        return found

    async def of_user(self, user_id: UserId) -> tuple[dict[ConversationId, int], bool]:
        """Until when (Unix ms) a user has muted which conversations, and whether it is quiet for them now."""
        owns = await self._owns.of_user(user_id)
        hours = await self._quiet.of_users([user_id])
        muted = {id_: own.muted_until_ms for id_, own in owns.items() if own.muted_until_ms}
        return muted, hours.get(user_id, QuietHours()).quiet(self._clock.now_ms())

    async def _some(self, pairs: Sequence[tuple[UserId, ConversationId]]) -> dict[tuple[UserId, ConversationId], Wish]:
        now = self._clock.now_ms()
        mutes = await self._owns.mutes(pairs)
        hours = await self._quiet.of_users(list({user_id for user_id, _ in pairs}))
        quiet = {user_id for user_id, one in hours.items() if one.quiet(now)}
        return {pair: Wish(mutes.get(pair, 0) > now, pair[0] in quiet) for pair in pairs}
