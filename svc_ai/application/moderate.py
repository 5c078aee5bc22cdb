"""Judge texts by the word list of the installation."""

from typing import Final

from mesh.live import Live
from mesh.words import Judgement

MAX_CLASSES: Final = 10


class Moderating:
    """From memory alone, so it never fails; a model may be asked besides once there is one for it."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def judge(self, text: str) -> Judgement | None:
        """What to do about a text; None to show it as it is."""
        return self._live.judge(text)
