"""How much one user may ask of the assistants."""

from collections import OrderedDict
from enum import Enum
from typing import Final

from mesh.clock import Clock
from mesh.errors import MeshError
from mesh.limits import MAX_BUCKETS, Rate, TokenBuckets

PER_MINUTE: Final = 20
"""Answers that a user gets in a minute, all conversations together."""

PAUSE_SECONDS: Final = 30.0
"""How long a user who asked too much is not answered; ten answers of the next minute are free by then."""


class Verdict(Enum):
    """What to do with a question."""

    ANSWER = "answer"
    REFUSE = "refuse"
    """Say once that it is too much."""
    IGNORE = "ignore"
    """Say nothing: that was said, and a refusal for each question would be a flood of our own."""


class Budget:
    """Counts questions by user, over a sliding minute.

    Whoever asks faster than that is told so once, with the time from when on they are answered again, and what they
    ask until then is passed over: it is neither answered later, when nobody waits for it, nor refused one by one.
    Whoever floods a group is refused there in the same way.
    """

    def __init__(self, clock: Clock, per_minute: int = PER_MINUTE) -> None:
        self._clock = clock
        self._buckets = TokenBuckets(Rate(per_minute, per_minute / 60), clock)
        self._paused: OrderedDict[str, float] = OrderedDict()

    def ask(self, user_id: str) -> Verdict:
        """Count a question and say what to do with it."""
        if self._clock.monotonic() < self._paused.get(user_id, 0.0):
            return Verdict.IGNORE
        try:
            self._buckets.take(user_id)
        except MeshError:
            self.pause(user_id)
            return Verdict.REFUSE
        return Verdict.ANSWER

    def pause(self, user_id: str) -> None:
        """They were just told that it is too much: for a while say nothing."""
        self._paused[user_id] = self._clock.monotonic() + PAUSE_SECONDS
        self._paused.move_to_end(user_id)
        if len(self._paused) > MAX_BUCKETS:
            self._paused.popitem(last=False)
