"""A model without a model: what it says follows from the prompt alone. For the standalone, demonstrations and tests."""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Final

from mesh import errors
from svc_ai.domain.outcome import UNKNOWN
from svc_ai.domain.prompt import Prompt, Role, Turn
from svc_ai.domain.reasons import Reason
from svc_ai.domain.reply import Usage
from svc_ai.domain.task import Answer, Suggest, Sum, Translate

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
LISTED: Final = 10
"""Messages of which a summary tells the first line."""

TO_A_QUESTION: Final = ("Yes.", "No.", "Let me think about it.", "Why do you ask?", "Ask me later.")
TO_ANYTHING: Final = ("Thank you!", "All right.", "Tell me more.", "I see.", "Let us talk about it later.")
DRAFT_ENDS: Final = (".", ", if that is all right.", ", as we said.", ", is it not?", " …")

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
        words = re.findall(r"\s*\S+\s*", answer_to(prompt))
        most = prompt.wishes.max_output_tokens or len(words)
        for word in words[:most]:
            # Only an answer is read as it comes.
            await asyncio.sleep(self._settings.word_seconds if isinstance(prompt.task, Answer) else 0)
            yield word
        read = sum(len(turn.text.split()) for turn in prompt.turns)
        yield Usage(read, len(words[:most]), cut=len(words) > most)


def answer_to(prompt: Prompt) -> str:
    """The whole of what it says. Of the instructions of a conversation it understands one: “capitals”."""
    said = _said(prompt)
    return said.upper() if re.search(r"\bcapitals\b", prompt.keep_to, re.IGNORECASE) else said


def _said(prompt: Prompt) -> str:
    """As the rules of the prompt want it. What stands in a message is told, never obeyed."""
    match prompt.task:
        case Sum():
            return _summary(prompt, prompt.task)
        case Translate(target, source):
            return f"{source or UNKNOWN}\n{_in(target, prompt.turns[-1].text)}"
        case Suggest():
            return _suggestions(prompt, prompt.task)
        case Answer():
            return _answer(prompt)


def _answer(prompt: Prompt) -> str:
    """The answer of the first script whose words are in the question, else an echo."""
    asked = prompt.turns[-1].text
    for pattern, script in _SCRIPTS:
        if found := pattern.search(asked):
            return script(prompt, found)
    return f"You said: “{_short(asked)}”. I only know a few scripts; say “help” to see them."


def _summary(prompt: Prompt, task: Sum) -> str:
    """The first line of each of the newest messages; in detail, the questions among them as open."""
    newest = prompt.turns[-LISTED:]
    lines = [f"{turn.speaker}: “{_short(_first_line(turn))}”." for turn in newest]
    points = [_in(task.locale, f"{len(prompt.turns)} messages."), *lines]
    if task.detailed:
        questions = [line for turn, line in zip(newest, lines, strict=True) if "?" in turn.text]
        points = [points[0], "Said:", *(f"- {line}" for line in lines)]
        points += ["Decisions:", "- none", "Open questions:", *(f"- {line}" for line in questions or ["none"])]
    numbers = ", ".join(str(turn.number) for turn in newest)
    return ("\n" if task.detailed else " ").join(points) + f"\nSOURCES: {numbers}"


def _suggestions(prompt: Prompt, task: Suggest) -> str:
    """A few that fit a question or a statement, or go on from what was begun."""
    last = prompt.turns[-1]
    if last.speaker.endswith("(draft)"):
        texts = [f"{last.text}{end}" for end in DRAFT_ENDS]
    else:
        texts = list(TO_A_QUESTION if "?" in last.text else TO_ANYTHING)
    return "\n".join(_in(task.locale, text) for text in texts[: task.count])


def _first_line(turn: Turn) -> str:
    return turn.text.strip().partition("\n")[0]


def _in(locale: str, text: str) -> str:
    """The text with a mark for the language that it should be in."""
    return f"[{locale}] {text}" if locale else text


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
