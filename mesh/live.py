"""Settings that a node takes while it runs. Pure Python; `mesh.live_follow` asks for them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from mesh.words import Action, Judgement, MakeFinder, WordClass, Words


@dataclass(frozen=True, slots=True)
class SendRate:
    """So many messages of one user at once, and so many a second in the long run."""

    burst: int
    per_second: float


class PolicyMode(IntEnum):
    """Whether the policy of the installation is asked, and what holds without its answer. Numbers of the contract."""

    AS_STARTED = 0
    OFF = 1
    FAIL_OPEN = 2
    FAIL_CLOSED = 3


class JudgingMode(IntEnum):
    """Whether a model judges what people write, when, and what holds without its answer. Numbers of the contract."""

    AS_STARTED = 0
    OFF = 1
    REVIEW = 2
    FAIL_OPEN = 3
    FAIL_CLOSED = 4


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """All of them. `version` rises by one with each change; 0 was never changed. Without a `send_rate`, and with a mode
    AS_STARTED, a node's own setting holds.
    """

    version: int = 0
    registration_closed: bool = False
    send_rate: SendRate | None = None
    word_classes: tuple[WordClass, ...] = ()
    policy_mode: PolicyMode = PolicyMode.AS_STARTED
    judging_mode: JudgingMode = JudgingMode.AS_STARTED


REFUSED_IN_NAMES: Final = frozenset({Action.MASK, Action.BLOCK})


class Live:
    """What holds at this moment. Reading it costs nothing; `words` is None where there is no list."""

    def __init__(self, make_finder: MakeFinder) -> None:
        self._make_finder = make_finder
        self.settings = LiveSettings()
        self.words: Words | None = None
        self._listeners: list[Callable[[], None]] = []

    def listen(self, taken: Callable[[], None]) -> None:
        """Call this after each change, for what must be at hand without looking here."""
        self._listeners.append(taken)

    async def take(self, settings: LiveSettings) -> None:
        """Let these hold from now on. A long list takes a second to prepare, beside everything else."""
        if settings.word_classes != self.settings.word_classes:
            words = await asyncio.to_thread(Words, settings.word_classes, self._make_finder)
            self.words = words if len(words) else None
        self.settings = settings
        for taken in self._listeners:
            taken()

    def judge(self, text: str) -> Judgement | None:
        """What to do about a text; None when there is nothing in it, or no list."""
        return self.words.judge(text) if self.words is not None and text else None

    def unwanted_name(self, name: str) -> bool:
        """Whether a user or group may not be called so."""
        judgement = self.judge(name)
        return judgement is not None and judgement.action in REFUSED_IN_NAMES
