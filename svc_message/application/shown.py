"""Whose read positions a user sees. Who hides their own is not shown, and does not see those of others."""

import asyncio
from collections.abc import Collection
from typing import Final

from mesh.errors import MeshError
from svc_message.domain.changes import Privacy
from svc_message.domain.conversation import UserId

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

    async def hiding(self, user_ids: Collection[UserId]) -> set[UserId]:
        """Those who hide, or of whom it is not known."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._privacy.hiding(user_ids)
        except (MeshError, TimeoutError):
            return set(user_ids)
