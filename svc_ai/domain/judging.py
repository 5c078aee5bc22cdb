"""What a model says of a text that somebody wrote, and what follows from it."""

from dataclasses import dataclass
from typing import Final, Protocol

from mesh.words import Action

MAX_CATEGORIES: Final = 10

MAX_CATEGORY: Final = 32
"""Characters of the name of a category."""


class Silent(Exception):  # noqa: N818 - what happened, not a mistake of ours
    """The model gave no answer that can be used. `why` is a code, never what it said: that may quote the text.

    `retry_after`, in seconds, is when it wants to be asked again; 0: it did not say.
    """

    def __init__(self, why: str, retry_after: float = 0.0) -> None:
        super().__init__(why)
        self.why = why
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a model says of a text. It hides no words, so `action` is ALLOW, REVIEW or BLOCK."""

    action: Action
    categories: tuple[str, ...] = ()
    """At most MAX_CATEGORIES, the surest first."""
    confidence: float = 0.0
    """How sure it is, 0 to 1."""


class Judge(Protocol):
    """A model that judges texts."""

    async def judge(self, text: str) -> Opinion:
        """Ask about a text of 1 to 16,000 characters. Raises Silent; being cancelled ends the call at the provider."""


@dataclass(frozen=True, slots=True)
class Strictness:
    """How sure a model must be, 0 to 1: below `review` it is not heard, below `block` a moderator has to look."""

    review: float = 0.5
    block: float = 0.9


NOTHING: Final = Opinion(Action.ALLOW)


def weigh(opinion: Opinion, strictness: Strictness) -> Opinion:
    """What the installation makes of an opinion."""
    if opinion.action is Action.ALLOW or opinion.confidence < strictness.review:
        return NOTHING
    if opinion.action is Action.BLOCK and opinion.confidence < strictness.block:
        return Opinion(Action.REVIEW, opinion.categories, opinion.confidence)
    return opinion
