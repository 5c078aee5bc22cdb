"""Keep what users use of the model, and refuse it to those who have had their part of the day."""

from typing import Final

from mesh import errors
from mesh.clock import Clock
from mesh.errors import MeshError
from svc_ai.domain.ports import Journal
from svc_ai.domain.reasons import Reason
from svc_ai.domain.reply import Usage
from svc_ai.domain.usage import Daily, DayUse, UsageStore, begins_ms, day_of

KEPT_DAYS: Final = 62
"""How long a day is kept: this month and the one before, for whoever writes bills."""

SWEEP_SECONDS: Final = 3_600.0


class Metering:
    """Asked before each call of the model, told after it. A day is that of UTC."""

    def __init__(self, store: UsageStore, daily: Daily, journal: Journal, clock: Clock) -> None:
        self.daily = daily
        self._store = store
        self._journal = journal
        self._clock = clock

    async def check(self, user_id: str) -> None:
        """Raise BUDGET_EXHAUSTED, with the time until midnight, when the user has had all of today.

        Costs nothing without a limit, else one read; raises UNAVAILABLE when the store cannot answer.
        """
        if self.daily and self.daily.spent(await self.today(user_id)):
            message = "your budget of today for assistants is used up; it begins again at midnight UTC"
            wait = (self.resets_at_ms - self._clock.now_ms()) / 1_000
            raise errors.exhausted(Reason.BUDGET_EXHAUSTED, message, retry_after=wait)

    async def count(self, user_id: str, usage: Usage) -> None:
        """Add one call to the day of now. Raises nothing: an answer that is there is worth more than its count."""
        try:
            await self._store.add(user_id, day_of(self._clock.now_ms()), usage)
        except MeshError as error:
            self._journal.failed("usage", error)

    async def today(self, user_id: str) -> DayUse:
        """What a user used today."""
        return await self._store.of(user_id, day_of(self._clock.now_ms()))

    @property
    def resets_at_ms(self) -> int:
        """When the next day begins, Unix milliseconds."""
        return begins_ms(day_of(self._clock.now_ms()) + 1)

    async def run(self) -> None:
        """Let go of old days, for ever."""
        while True:
            try:
                await self._store.forget_before(day_of(self._clock.now_ms()) - KEPT_DAYS)
            except MeshError as error:
                self._journal.failed("usage", error)
            await self._clock.sleep(SWEEP_SECONDS)
