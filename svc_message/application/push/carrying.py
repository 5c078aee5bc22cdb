"""Hand notifications to the carrier, and leave it alone while it is away: then one finds out, and the others wait."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from mesh.clock import Clock
from svc_message.domain.outside.program import Away, Backoff, Refused
from svc_message.domain.push.notification import Carrier, Gone, Notification

FAILURES: Final = 2
"""Rounds of failures in a row after which the carrier is away. One alone may be about its notification."""

MAX_AFTER_S: Final = 300.0
"""The longest time that a carrier may ask to be left alone for."""


class Gate:
    """What stands before the carrier. `passed` are the notifications about which it has answered; `observe` is told
    True when it begins to be away and False when it is back.
    """

    def __init__(self, carrier: Carrier, clock: Clock, backoff: Backoff, observe: Callable[[bool], None]) -> None:
        self._carrier = carrier
        self._clock = clock
        self._backoff = backoff
        self._observe = observe
        self._away = False
        self._failures = 0
        self._failed_at = float("-inf")
        self._shut_until = float("-inf")
        self._finding_out = asyncio.Lock()
        self.passed = 0

    @property
    def shut(self) -> bool:
        """Whether the carrier is away, by what is known."""
        return self._failures >= FAILURES or self._shut_until > self._clock.monotonic()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until it may be asked. While it is away there is one turn at a time, after a pause."""
        if not self.shut:
            yield
            return
        async with self._finding_out:
            pause = self._shut_until - self._clock.monotonic()
            if pause > 0:
                await self._clock.sleep(pause)
            yield

    async def carry(self, notification: Notification) -> None:
        """Hand one over. Raises as the carrier does; only Away says nothing of the notification."""
        began = self._clock.monotonic()
        try:
            await self._carrier.carry(notification)
        except Away as away:
            self._failed(began, away.retry_after)
            raise
        except (Refused, Gone):
            self._answered()
            raise
        self._answered()

    def pause(self, tries: int) -> float:
        """Seconds until a notification that failed so often is tried again, where others get through."""
        return self._backoff.pause(tries)

    def _answered(self) -> None:
        self.passed += 1
        self._failures = 0
        self._tell(away=False)

    def _failed(self, began: float, retry_after: float) -> None:
        """Those that were on their way together have failed once."""
        now = self._clock.monotonic()
        if began >= self._failed_at:
            self._failures += 1
            self._failed_at = now
        wanted = min(retry_after, MAX_AFTER_S)
        if self._failures >= FAILURES:
            wanted = max(wanted, self._backoff.pause(self._failures - FAILURES))
        if wanted > 0:
            self._shut_until = max(self._shut_until, now + wanted)
        self._tell(away=self._failures >= FAILURES)

    def _tell(self, *, away: bool) -> None:
        if away != self._away:
            self._away = away
            self._observe(away)
