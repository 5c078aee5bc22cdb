"""Judge texts: by the word list of the installation, and where that finds nothing by a model."""

from dataclasses import dataclass
from typing import Final

from mesh.live import Live
from mesh.words import Action
from svc_ai.application.judge import Asking

MAX_CLASSES: Final = 10


@dataclass(frozen=True, slots=True)
class Ruling:
    """What to do about a text. `masked` is the text with words hidden, with MASK; `degraded`: no model was heard."""

    action: Action
    categories: tuple[str, ...] = ()
    confidence: float = 0.0
    masked: str = ""
    degraded: bool = False


class Moderating:
    """The word list stands in memory and costs nothing, so it goes first, and what it finds is settled.

    It never fails: without a model, and without its answer, the word list alone decides.
    """

    def __init__(self, live: Live, asking: Asking | None = None) -> None:
        self._live = live
        self._asking = asking

    async def judge(self, text: str) -> Ruling:
        """What to do about a text."""
        found = self._live.judge(text)
        if found is not None:
            masked = found.masked if found.action is Action.MASK else ""
            return Ruling(found.action, found.classes[:MAX_CLASSES], 1.0, masked)
        opinion = await self._asking.ask(text) if self._asking is not None else None
        if opinion is None:
            return Ruling(Action.ALLOW, degraded=True)
        return Ruling(opinion.action, opinion.categories, opinion.confidence)
