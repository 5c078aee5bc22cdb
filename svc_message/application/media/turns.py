"""Who has many files looked at does not keep those waiting who have one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from mesh import errors
from svc_message.domain.conversation import UserId
from svc_message.domain.reasons import Reason

MOST: Final = 50
"""Files of one owner that wait at this node, or are looked at."""


class OwnerTurns:
    """Lets one file of each owner in at a time."""

    def __init__(self) -> None:
        self._locks: dict[UserId, asyncio.Lock] = {}
        self._inside: dict[UserId, int] = {}

    @asynccontextmanager
    async def of(self, owner_id: UserId) -> AsyncIterator[None]:
        """Have the turn of an owner, in the order of asking. OVERLOADED when very many of theirs wait."""
        inside = self._inside.get(owner_id, 0)
        if inside >= MOST:
            message = f"{MOST} of your files wait to be looked at; try again"
            raise errors.exhausted(Reason.OVERLOADED, message, retry_after=2.0)
        self._inside[owner_id] = inside + 1
        try:
            async with self._locks.setdefault(owner_id, asyncio.Lock()):
                yield
        finally:
            self._leave(owner_id)

    def _leave(self, owner_id: UserId) -> None:
        self._inside[owner_id] -= 1
        if not self._inside[owner_id]:
            del self._inside[owner_id], self._locks[owner_id]
