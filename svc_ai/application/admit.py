"""Admit: how many requests of one user the model is asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from mesh.clock import Clock
from mesh.limits import Rate, Shares, TokenBuckets
from svc_ai.domain.reasons import Reason

AT_ONCE: Final = 4
"""Requests of one user that are under way at a time."""


class Admission:
    """So many requests a minute, and 4 at a time, for each user."""

    def __init__(self, clock: Clock, per_minute: int) -> None:
        """0 a minute: no limit of the rate."""
        self._buckets = TokenBuckets(Rate(per_minute, per_minute / 60), clock)
        self._shares = Shares(AT_ONCE, of="requests", reason=Reason.RATE_LIMITED)

    @contextmanager
    def enter(self, user_id: str) -> Iterator[None]:
        """Be let in for one request. Raises RATE_LIMITED with the time from when on another one is taken."""
        with self._shares.enter(user_id):
            self._buckets.take(user_id)
            yield
