"""A model without a model: what it says follows from the prompt alone. For the standalone, demonstrations and tests."""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Final

from mesh import errors
from svc_ai.domain.prompt import Prompt, Role, Turn
from svc_ai.domain.reasons import Reason
from svc_ai.domain.reply import Usage

MAX_COUNT: Final = 1_000
QUOTED: Final = 200
"""Characters of a message that it repeats."""

HELP: Final = (
    "I am Parley's scripted assistant: I need no model and always say the same to the same question. "
    "Try “hello”, “count to 20”, “summarise”, or “tell me a long story” and cancel me on the way."
)
GREETING: Final = "Hello! What can I do for you? Say “help” to see what I know."
STORY: Final = (
    "A message set out from a small device. It passed a gateway that knew nothing of its words, was given a number "
    "that no other message has, and was written down before anyone was told of it. "
)
STORY_PARTS: Final = 40

Script = Callable[[Prompt, re.Match[str]], str]


@dataclass(frozen=True, slots=True)
class ScriptedSettings:
    """`word_seconds` lets a person see the answer arrive.

    With `faults` it obeys “fail now”, “fail halfway”, “hang now” and “flood now”.
    """

    word_seconds: float = 0.03
    faults: bool = False


class ScriptedModel:
    """Answers word by word from a few scripts."""

    name = "scripted"

    def __init__(self, settings: ScriptedSettings) -> None:
        self._settings = settings

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str | Usage, None]:
        """Give the answer a word at a time, then the number of words read and written."""
        asked = prompt.turns[-1].text
        if self._settings.faults and (fault := _FAULT.search(asked)):
            async for piece in _faulty(fault[1].lower()):
                yield piece
        words = re.findall(r"\S+\s*", answer_to(prompt))
        for word in words:
            await asyncio.sleep(self._settings.word_seconds)
            yield word
        yield Usage(sum(len(turn.text.split()) for turn in prompt.turns), len(words))


def answer_to(prompt: Prompt) -> str:
    """The whole answer: that of the first script whose words are in the question, else an echo."""
    asked = prompt.turns[-1].text
    for pattern, script in _SCRIPTS:
        if found := pattern.search(asked):
            return script(prompt, found)
    return f"You said: “{_short(asked)}”. I only know a few scripts; say “help” to see them."


def _count(_: Prompt, found: re.Match[str]) -> str:
    return (
        " ".join(str(number) for number in range(1, min(int(found[1]), MAX_COUNT) + 1)) or "There is nothing to count."
    )


def _summarise(prompt: Prompt, _: re.Match[str]) -> str:
    said = [turn for turn in prompt.turns[:-1] if turn.role is Role.USER]
    if not said:
        return "Nothing was said before."
    return f"The last {len(said)} messages: " + " ".join(map(_line, said))


def _line(turn: Turn) -> str:
    return f"{turn.speaker}: “{_short(turn.text)}”."


def _short(text: str) -> str:
    return text if len(text) <= QUOTED else text[:QUOTED] + "…"


def _says(text: str) -> Script:
    return lambda _prompt, _found: text


_SCRIPTS: Final[tuple[tuple[re.Pattern[str], Script], ...]] = (
    (re.compile(r"\bcount to (\d{1,9})\b", re.IGNORECASE), _count),
    (re.compile(r"\bsumm(?:ari[sz]e|ary)\b", re.IGNORECASE), _summarise),
    (re.compile(r"\b(?:long|story)\b", re.IGNORECASE), _says(STORY * STORY_PARTS)),
    (re.compile(r"\bhelp\b", re.IGNORECASE), _says(HELP)),
    (re.compile(r"^\W*(?:hello|hi|hey|good (?:morning|day|evening))\b", re.IGNORECASE), _says(GREETING)),
)

_FAULT: Final = re.compile(r"\b(fail now|fail halfway|hang now|flood now)\b", re.IGNORECASE)


async def _faulty(fault: str) -> AsyncGenerator[str, None]:
    if fault == "hang now":
        await asyncio.Event().wait()
    while fault == "flood now":
        yield "flood " * 100
    if fault == "fail halfway":
        yield "So far so good, but "
    raise errors.unavailable(Reason.MODEL_UNAVAILABLE, "the model does not answer", retry_after=1.0)
