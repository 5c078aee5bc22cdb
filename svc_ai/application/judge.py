"""Ask a model about texts: some at a time, each only so long, and about equal texts once in a while."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mesh.breaker import Breaker
from mesh.clock import Clock
from mesh.errors import MeshError
from svc_ai.domain.judging import Judge, Opinion, Silent, Strictness, weigh

MAX_WAITING: Final = 1_000
"""Questions that may wait for room. One more has no answer, at once: it would come too late."""

LONGEST_PAUSE_S: Final = 30.0
"""A model that wants to be left alone for longer is asked again after this."""

Observe = Callable[[str, float], None]
"""Told (outcome, seconds): `allow`, `review`, `block`, `remembered`, or why there was no answer."""


@dataclass(frozen=True, slots=True)
class Terms:
    """A question takes `seconds` at most, waiting for room included; `at_once` are under way at a time.

    The last `remembered` answers are known again for `remember_seconds`.
    """

    seconds: float = 2.0
    at_once: int = 16
    remembered: int = 10_000
    remember_seconds: float = 600.0
    strictness: Strictness = Strictness()


class Asking:
    """The model as the rest of the service asks it."""

    def __init__(self, judge: Judge, breaker: Breaker, clock: Clock, terms: Terms, observe: Observe) -> None:
        self._judge = judge
        self._breaker = breaker
        self._clock = clock
        self._terms = terms
        self._observe = observe
        self._room = asyncio.Semaphore(terms.at_once)
        self._waiting = 0
        self._rests_until = 0.0
        self._answers = _Answers(terms.remembered, terms.remember_seconds, clock)

    async def ask(self, text: str) -> Opinion | None:
        """What the installation makes of the model's answer; None when there was none in its time."""
        key = hashlib.sha256(text.encode()).digest()  # no text is kept
        if (known := self._answers.find(key)) is not None:
            self._observe("remembered", 0.0)
            return known
        started = self._clock.monotonic()
        try:
            opinion = weigh(await self._in_time(text), self._terms.strictness)
        except Silent as silent:
            self._observe(silent.why, self._clock.monotonic() - started)
            return None
        self._observe(opinion.action.name.lower(), self._clock.monotonic() - started)
        self._answers.keep(key, opinion)
        return opinion

    async def _in_time(self, text: str) -> Opinion:
        self._check_room()
        self._waiting += 1
        try:
            async with asyncio.timeout(self._terms.seconds), self._room:
                return await self._try(text)
        except TimeoutError:
            raise Silent("timeout") from None
        finally:
            self._waiting -= 1

    def _check_room(self) -> None:
        if self._waiting >= MAX_WAITING + self._terms.at_once:
            raise Silent("busy")

    async def _try(self, text: str) -> Opinion:
        """Ask, unless the model did not answer several times in a row, or wants to be left alone."""
        if self._clock.monotonic() < self._rests_until:
            raise Silent("resting")
        try:
            self._breaker.enter()
        except MeshError:
            raise Silent("resting") from None
        try:
            opinion = await self._judge.judge(text)
        except Silent as silent:
            self._failed(silent.retry_after)
            raise
        except asyncio.CancelledError:  # its time is over, or the caller went away: count what hangs as a failure
            self._failed(0.0)
            raise
        self._breaker.succeeded()
        return opinion

    def _failed(self, retry_after: float) -> None:
        self._breaker.failed()
        self._rests_until = self._clock.monotonic() + min(retry_after, LONGEST_PAUSE_S)


class _Answers:
    """The latest answers by the hash of the text. The one unused for longest gives way."""

    def __init__(self, limit: int, seconds: float, clock: Clock) -> None:
        self._limit = limit
        self._seconds = seconds
        self._clock = clock
        self._answers: OrderedDict[bytes, tuple[float, Opinion]] = OrderedDict()

    def find(self, key: bytes) -> Opinion | None:
        ends, opinion = self._answers.get(key, (0.0, None))
        if opinion is None or ends <= self._clock.monotonic():
            return None
        self._answers.move_to_end(key)
        return opinion

    def keep(self, key: bytes, opinion: Opinion) -> None:
        self._answers[key] = (self._clock.monotonic() + self._seconds, opinion)
        self._answers.move_to_end(key)
        while len(self._answers) > self._limit:
            self._answers.popitem(last=False)
