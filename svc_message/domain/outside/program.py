"""Programs of the installation outside the mesh: how they answer, whatever they are asked or told."""

import random
from dataclasses import dataclass
from typing import Final

LONGEST_PAUSE_S: Final = 30.0
"""No pause between two attempts is longer: a receiver that is back is found within this time."""


class Away(Exception):  # noqa: N818 - what happened, not a mistake of ours
    """It cannot be reached, is too busy, or does not let us in: nothing is wrong with what it was to be told.

    `retry_after`, in seconds, is when it wants to be asked again.
    """

    def __init__(self, why: str, retry_after: float = 0.0) -> None:
        super().__init__(why)
        self.why = why
        self.retry_after = retry_after


class Refused(Exception):  # noqa: N818 - as above
    """It answered that it does not take this. `why` is a code, never what it said: that may quote a message."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses between attempts: full jitter, doubled each time."""

    first_s: float = 0.5
    longest_s: float = LONGEST_PAUSE_S

    def pause(self, failures: int, retry_after: float = 0.0) -> float:
        """Seconds to wait after so many failures in a row, and not before the receiver wants it."""
        most = min(self.longest_s, self.first_s * 2.0 ** min(failures, 16))
        jittered = random.uniform(most / 2, most)  # noqa: S311 - jitter, not a secret
        return max(jittered, min(retry_after, self.longest_s))
