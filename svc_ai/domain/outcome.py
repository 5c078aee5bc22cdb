"""What is made of the words of a model that was asked for something else than an answer."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from svc_ai.domain.prompt import cropped

MAX_SUMMARY: Final = 8_000
MAX_SOURCES: Final = 20
MAX_SUGGESTION: Final = 200
MAX_TAG: Final = 35
"""Characters of a language tag."""

UNKNOWN: Final = "und"
"""The tag of a language that is not known, BCP 47."""

_SOURCES: Final = re.compile(r"\n?^[\W_]*SOURCES\W*:[*_]*([\d\s,n=#]*)[\W_]*$", re.IGNORECASE | re.MULTILINE)
_TAG: Final = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_MARKS: Final = re.compile(r"^\s*(?:[-*•·]|\d{1,2}[.):])?\s*[\"'“”„«»]?")
_LABEL: Final = re.compile(r"\bPerson \d+\b")


def summary_of(text: str, places: Sequence[int], names: Mapping[str, str]) -> tuple[str, list[int]]:
    """The summary, with names in place of labels, and the places of the messages that it says it rests on.

    `places` are those of the messages that were shown, by their numbers from 1 on. A model that names none has it
    rest on the newest ones; a number that no message has is passed over.
    """
    numbers = {int(number) for line in _SOURCES.findall(text) for number in re.findall(r"\d{1,9}", line)}
    named = sorted({places[number - 1] for number in numbers if 1 <= number <= len(places)})
    words = _LABEL.sub(lambda label: names.get(label[0], label[0]), _SOURCES.sub("", text)).strip()
    return cropped(words, MAX_SUMMARY), named[:MAX_SOURCES] or list(places[-MAX_SOURCES:])


def translation_of(text: str, source: str) -> tuple[str, str]:
    """The translation and the language of the text: `source` if it was given, else what the first line says."""
    first, _, rest = text.strip().partition("\n")
    tag = first.strip(" .:`*[]")
    if len(tag) > MAX_TAG or not _TAG.fullmatch(tag) or not rest.strip():
        return text.strip(), source or UNKNOWN
    return rest.strip(), source or tag


def suggestions_of(text: str, count: int) -> list[str]:
    """The suggestions: a line each, without marks, each once."""
    lines = (_MARKS.sub("", line).strip().strip('"“”„«»') for line in text.splitlines())
    return [cropped(line, MAX_SUGGESTION) for line in dict.fromkeys(lines) if line][:count]
