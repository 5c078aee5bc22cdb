"""What users use of the model in a day, and how much of it they may have."""

from dataclasses import dataclass
from typing import Final, Protocol

from svc_ai.domain.prompt import Prompt
from svc_ai.domain.reply import Usage

DAY_MS: Final = 86_400_000

CHARACTERS_PER_TOKEN: Final = 4
"""Of English, roughly; other scripts take more tokens, so that an estimate is in favour of the user."""


@dataclass(frozen=True, slots=True)
class DayUse:
    """The calls of one user in one day (UTC), and what they used all together."""

    requests: int = 0
    usage: Usage = Usage()

    @property
    def tokens(self) -> int:
        """Read and written."""
        return self.usage.input_tokens + self.usage.output_tokens


@dataclass(frozen=True, slots=True)
class Daily:
    """How much one user may have in a day, all conversations together. 0: no limit.

    A call counts when it has ended, so a user may come over it by the calls that they have under way at a time.
    """

    tokens: int = 0
    requests: int = 0
    cost_micros: int = 0
    """In millionths of the installation's currency."""

    def spent(self, use: DayUse) -> bool:
        """Whether nothing of it is left."""
        return (
            0 < self.tokens <= use.tokens
            or 0 < self.requests <= use.requests
            or 0 < self.cost_micros <= use.usage.cost_micros
        )

    def __bool__(self) -> bool:
        """Whether there is a limit."""
        return bool(self.tokens or self.requests or self.cost_micros)


class UsageStore(Protocol):
    """What is kept of the use. `day` counts from 1970-01-01, UTC. All raise UNAVAILABLE when it cannot answer."""

    async def of(self, user_id: str, day: int) -> DayUse:
        """What a user used in a day; nothing when there is none."""

    async def add(self, user_id: str, day: int, usage: Usage) -> None:
        """Add one call and what it used, durably and whoever else adds at the same moment.

        It is not idempotent: a call whose outcome is not known may be counted or not.
        """

    async def forget_before(self, day: int) -> None:
        """Let go of all days before this one."""


def day_of(now_ms: int) -> int:
    """The day of a moment."""
    return now_ms // DAY_MS


def begins_ms(day: int) -> int:
    """When a day begins, Unix milliseconds."""
    return day * DAY_MS


def estimated(prompt: Prompt, written: int) -> Usage:
    """The use of a call that told none, or was ended before it could: by the characters read and those `written`."""
    read = len(prompt.instructions) + sum(len(turn.content) for turn in prompt.turns)
    return Usage(-(-read // CHARACTERS_PER_TOKEN), -(-written // CHARACTERS_PER_TOKEN))
