"""How fast a user may send: so many at once, and so many a second in the long run.

It is counted at each node for itself, by user, so that neither many devices nor many conversations help by much.
"""

from collections import OrderedDict
from typing import Final

from mesh import errors
from mesh.clock import Clock
from mesh.errors import MeshError, Reason
from mesh.live import Live, SendRate

MAX_BUCKETS: Final = 65_536
"""Users who are remembered; one who is forgotten begins with a full burst."""


class SendRates:
    """A bucket for each user. `usual` holds where the live settings say nothing; None sets no limit."""

    def __init__(self, live: Live, usual: SendRate | None, clock: Clock) -> None:
        self._live = live
        self._usual = usual
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    @property
    def rate(self) -> SendRate | None:
        """What holds now."""
        return self._live.settings.send_rate or self._usual

    def take(self, user_id: str, count: int) -> tuple[int, float]:
        """How many of so many sends may come now, and after how many seconds the next one may."""
        rate = self.rate
        if rate is None:
            return count, 0.0
        now = self._clock.monotonic()
        tokens, at = self._buckets.get(user_id, (float(rate.burst), now))
        tokens = min(float(rate.burst), tokens + (now - at) * rate.per_second)
        taken = min(count, int(tokens))
        self._buckets[user_id] = (tokens - taken, now)
        self._buckets.move_to_end(user_id)
        if len(self._buckets) > MAX_BUCKETS:
            self._buckets.popitem(last=False)
        return taken, max(0.0, (1 - tokens + taken) / rate.per_second)


def too_fast(retry_after: float) -> MeshError:
    """The error of a send that came too early."""
    return errors.exhausted(Reason.RATE_LIMITED, "you send too fast; wait a moment", retry_after=max(retry_after, 0.01))
