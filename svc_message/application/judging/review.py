"""Let moderators look at what the word list or a model found, once it stands in the log.

A word in memory: what is lost when a node dies is the look of a moderator and never a message.
"""

import asyncio
import contextlib
from collections import deque
from typing import Final

from mesh.clock import Clock
from mesh.errors import MeshError
from svc_message.application.administration.report import Reporting
from svc_message.domain.conversation import ConversationId, DeviceId

MAX_WAITING: Final = 10_000
"""Finds that wait for their message. The oldest give way: moderators have enough to look at then."""

PERIOD_S: Final = 1.0
"""How long a message may take until it stands. One that was refused meanwhile is not looked at."""

Find = tuple[tuple[ConversationId, DeviceId, int], str, int]
"""The key of the message, why, and how many periods more it may take until it stands."""


class Reviewing:
    """Finds that become reports of nobody."""

    def __init__(self, reporting: Reporting, clock: Clock) -> None:
        self._reporting = reporting
        self._clock = clock
        self._waiting: deque[Find] = deque(maxlen=MAX_WAITING)
        self._wake = asyncio.Event()

    def note(self, key: tuple[ConversationId, DeviceId, int], explanation: str, patience: int = 1) -> None:
        """A message with this key is on its way, and stands within so many seconds or never; never waits."""
        self._waiting.append((key, explanation, patience))
        self._wake.set()

    async def run(self) -> None:
        """Report for ever, each find once it had its time."""
        while True:
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
            ripe = list(self._waiting)
            await self._clock.sleep(PERIOD_S)
            for find in ripe:
                await self._look(find)

    async def _look(self, find: Find) -> None:
        key, explanation, patience = find
        stands = False
        with contextlib.suppress(MeshError):
            stands = await self._reporting.found(key, explanation)
        with contextlib.suppress(ValueError):
            self._waiting.remove(find)
            if not stands and patience > 1:
                self._waiting.append((key, explanation, patience - 1))
