"""Whose read positions and presence a user sees. Who hides their positions is not shown, and sees those of nobody."""

import asyncio
from collections.abc import Collection
from typing import Final

from mesh.errors import MeshError
from svc_message.domain.conversation import UserId
from svc_message.domain.posts.changes import Privacy

PATIENCE_S: Final = 0.5
"""How long an answer waits for the user service where nothing may be shown instead."""


class Shown:
    """Asks whether users hide how far they have read."""

    def __init__(self, privacy: Privacy) -> None:
        self._privacy = privacy

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
