"""Connections to MongoDB that are closed when whoever wanted them has gone."""

import asyncio
from contextlib import suppress
from typing import Any, Final

from pymongo.asynchronous.pool import AsyncConnection, Pool
from pymongo.errors import PyMongoError

LATE_S: Final = 0.5
"""How long who was cancelled waits for a connection to come so far that it can be closed."""


class ClosingPool(Pool):
    """The driver's pool, but for a cancellation that comes while it connects.

    It then forgets a socket that it has opened already: that stays open until the garbage collector finds it, and a
    transport, which the event loop holds, for as long as the process lives. Here connecting is not cancelled; what
    comes of it is closed.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._late: set[asyncio.Task[None]] = set()

    async def connect(self, handler: Any = None) -> AsyncConnection:
        """See the driver."""
        making = asyncio.create_task(super().connect(handler))
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError:
            ending = asyncio.create_task(self._end(making))
            self._late.add(ending)
            ending.add_done_callback(self._late.discard)
            await asyncio.shield(ending)
            raise

    async def _end(self, making: asyncio.Task[AsyncConnection]) -> None:
        """Close what comes. A server that says nothing gets no more time: by then there is a socket, and its end."""
        await asyncio.wait({making}, timeout=LATE_S)
        making.cancel()
        with suppress(asyncio.CancelledError, PyMongoError, OSError):
            connection = await making
            self.active_contexts.discard(connection.cancel_context)
            await connection.close_conn(None)
