"""Admit: how many requests of one user the model is asked."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from mesh import errors
from mesh.clock import Clock
from mesh.limits import Rate, TokenBuckets
from svc_ai.domain.reasons import Reason

AT_ONCE: Final = 4
"""Requests of one user that are under way at a time."""


class Admission:
    """So many requests a minute, and 4 at a time, for each user."""

    def __init__(self, clock: Clock, per_minute: int) -> None:
        """0 a minute: no limit of the rate."""
        self._buckets = TokenBuckets(Rate(per_minute, per_minute / 60), clock)
        self._inside: Counter[str] = Counter()

    @contextmanager
    def enter(self, user_id: str) -> Iterator[None]:
        """Be let in for one request. Raises RATE_LIMITED with the time from when on another one is taken."""
        if self._inside[user_id] >= AT_ONCE:
            message = f"{AT_ONCE} of your requests are being worked on: wait for one of them"
            raise errors.exhausted(Reason.RATE_LIMITED, message, retry_after=1.0)
        self._buckets.take(user_id)
        self._inside[user_id] += 1
        try:
            yield
        finally:
            self._leave(user_id)

    def _leave(self, user_id: str) -> None:
        self._inside[user_id] -= 1
        if not self._inside[user_id]:
            del self._inside[user_id]
