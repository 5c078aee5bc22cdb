"""Whose positions and presence a user sees. Who hides how far they read is not shown, and sees that of nobody; between
two of whom one has blocked the other nothing is told in their direct chat.
"""

import asyncio
from collections.abc import Collection
from typing import Final

from mesh.errors import MeshError
from svc_message.domain.conversation import ConversationId, ConversationKind, UserId, direct_users, kind_of
from svc_message.domain.ports import Blocks, Pair
from svc_message.domain.posts.changes import Privacy

PATIENCE_S: Final = 0.5
"""How long an answer waits for the user service where nothing may be shown instead."""


class Shown:
    """Asks whether users hide how far they have read, and who has blocked whom."""

    def __init__(self, privacy: Privacy, blocks: Blocks) -> None:
        self._privacy = privacy
        self._blocks = blocks

    async def of(self, viewer_id: UserId, user_ids: Collection[UserId]) -> set[UserId]:
        """Those of the users whose read positions the viewer may see. UNAVAILABLE when that is not known."""
        hiding = await self._privacy.hiding({viewer_id, *user_ids})
        return set() if viewer_id in hiding else set(user_ids) - hiding

    async def surely(self, viewer_id: UserId, user_ids: Collection[UserId]) -> set[UserId]:
        """The same; while it is not known, nobody: a position that is missing comes later, one that was told stays."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self.of(viewer_id, user_ids)
        except (MeshError, TimeoutError):
            return set()

    async def of_peers(self, viewer_id: UserId, peer_ids: Collection[UserId]) -> set[UserId]:
        """Those whose read positions the viewer may see in the direct chat with them; nobody while it is not known."""
        shown, apart = await asyncio.gather(self.surely(viewer_id, peer_ids), self.apart(viewer_id, peer_ids))
        return shown - apart

    async def apart(self, viewer_id: UserId, peer_ids: Collection[UserId]) -> set[UserId]:
        """Those to whom nothing is told of the viewer in their direct chat, and of whom nothing is told to the viewer:
        one has blocked the other, or that is not known.
        """
        pairs = {(viewer_id, peer_id) for peer_id in peer_ids if peer_id != viewer_id}
        return {peer_id for _, peer_id in await self.apart_of(pairs)}

    async def apart_of(self, pairs: Collection[Pair]) -> set[Pair]:
        """The same, of pairs of different users."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._blocks.between(pairs)
        except (MeshError, TimeoutError):
            return set(pairs)

    async def apart_in(self, conversation_id: ConversationId, viewer_id: UserId) -> set[UserId]:
        """As `apart`, of the other one of a direct chat; nobody elsewhere."""
        if kind_of(conversation_id) is not ConversationKind.DIRECT:
            return set()
        return await self.apart(viewer_id, direct_users(conversation_id) - {viewer_id})

    async def present(self, watcher_id: UserId, user_ids: Collection[UserId]) -> set[UserId]:
        """Those who let the watcher see whether they are online; nobody but the watcher while that is not known."""
        others = set(user_ids) - {watcher_id}
        try:
            async with asyncio.timeout(PATIENCE_S):
                return {watcher_id} | (await self._privacy.showing_presence(watcher_id, others) if others else set())
        except (MeshError, TimeoutError):
            return {watcher_id}

    async def hiding(self, user_ids: Collection[UserId]) -> set[UserId]:
        """Those who hide, or of whom it is not known."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._privacy.hiding(user_ids)
        except (MeshError, TimeoutError):
            return set(user_ids)
