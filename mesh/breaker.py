"""A circuit breaker: after some failures in a row nothing is asked for a while, then one call tries. Pure Python."""

from typing import Final

from mesh import errors
from mesh.clock import Clock
from mesh.errors import Reason

FAILURES: Final = 5
"""Failures in a row that open it."""

OPEN_S: Final = 2.0
"""How long nothing is asked."""


class Breaker:
    """Stands in front of one neighbour."""

    def __init__(self, name: str, clock: Clock, *, failures: int = FAILURES, open_s: float = OPEN_S) -> None:
        self._name = name
        self._clock = clock
        self._limit = failures
        self._open_s = open_s
        self._failures = 0
        self._closed_again = 0.0
        self._probing = False

    def enter(self) -> None:
        """Ask to make a call. UNAVAILABLE while the breaker is open, and while another call tries it."""
        if self._failures < self._limit:
            return
        remaining = self._closed_again - self._clock.monotonic()
        if remaining > 0 or self._probing:
            message = f"{self._name} does not answer"
            raise errors.unavailable(Reason.SERVICE_UNAVAILABLE, message, retry_after=max(remaining, 0.1))
        self._probing = True

    def succeeded(self) -> None:
        """The neighbour answered, whatever it said."""
        self._failures = 0
        self._probing = False

    def failed(self) -> None:
        """The neighbour did not answer."""
        self._failures += 1
        self._probing = False
        self._closed_again = self._clock.monotonic() + self._open_s

    def gave_up(self) -> None:
        """The caller went away before an answer: nothing is learnt."""
        self._probing = False


class RetryBudget:
    """How many calls may be tried again: one retry for ten good answers, and a handful to begin with.

    When a service answers nobody, its callers then stop trying twice, and it gets the room to come back.
    """

    def __init__(self, *, tokens: float = 10.0, earned: float = 0.1) -> None:
        self._most = tokens
        self._tokens = tokens
        self._earned = earned

    def earn(self) -> None:
        """A call was answered."""
        self._tokens = min(self._most, self._tokens + self._earned)

    def spend(self) -> bool:
        """Whether one more retry may be made; if so, it is taken."""
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
