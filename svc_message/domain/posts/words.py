"""Words of texts and of queries: how a text is taken apart to be found again.

In writing with spaces a word is found by how it begins. Chinese, Japanese, Korean, Thai and their like are found by any
piece of them: they are kept as pairs of characters that follow each other, and the last one alone, so that one
character is the beginning of a pair or that last one. A picture such as an emoji is a word. All else separates.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mesh import errors
from svc_message.domain.posts.letters import normal
from svc_message.domain.reasons import Reason

MAX_WORDS: Final = 8_000
"""Different words of one text that are kept: more than any text has, and a bound for bundles of a hundred messages."""

MAX_WORD: Final = 32
"""Characters of a word that are kept; longer ones are compared whole when they are found."""

DENSE: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u3100-\u318f"
    "\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Writing without spaces between words, or, in Korean, with endings that hide them."""

PICTURES: Final = "\u2190-\u23ff\u2460-\u2bff\U0001f000-\U0001faff"
"""Emoji, arrows and signs."""

MARKS: Final = "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u0900-\u0dff"
"""Signs that belong to the letter before them."""

PIECES: Final = re.compile(
    f"(?P<dense>[{DENSE}]+)|(?P<picture>[{PICTURES}])|(?P<word>(?:(?![{DENSE}{PICTURES}_])[\\w{MARKS}])+)"
)


def words_of(text: str) -> tuple[str, ...]:
    """The words by which a text is found, each once."""
    words: dict[str, None] = {}
    for kind, piece in _pieces(normal(text)):
        words.update(dict.fromkeys(_pairs(piece) if kind == "dense" else (piece[:MAX_WORD],)))
        if len(words) > MAX_WORDS:
            break
    return tuple(words)[:MAX_WORDS]


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for: beginnings of words, and pieces that may stand anywhere. All of it must be there."""

    beginnings: tuple[str, ...]
    anywhere: tuple[str, ...]

    @property
    def words(self) -> tuple[str, ...]:
        """Beginnings of `words_of` every text that is meant; some others have them too."""
        pairs = (pair for piece in self.anywhere for pair in _asked(piece))
        return tuple(dict.fromkeys((*(word[:MAX_WORD] for word in self.beginnings), *pairs)))

    def finds(self, text: str) -> bool:
        """Whether the text is meant."""
        said = normal(text)
        if not all(piece in said for piece in self.anywhere):
            return False
        words = {piece for kind, piece in _pieces(said) if kind == "word"} if self.beginnings else set()
        return all(any(word.startswith(one) for word in words) for one in self.beginnings)


def query(text: str) -> Query:
    """What is meant by these words. QUERY_TOO_SHORT when it would be found nearly everywhere, or nowhere."""
    pieces = list(_pieces(normal(text)))
    beginnings = tuple(piece for kind, piece in pieces if kind == "word")
    anywhere = tuple(piece for kind, piece in pieces if kind != "word")
    if not anywhere and max(map(len, beginnings), default=0) < 2:  # noqa: PLR2004 - one letter begins too many words
        message = "look for two letters or digits that follow each other, or one Chinese, Japanese or Korean character"
        raise errors.invalid(Reason.QUERY_TOO_SHORT, message)
    return Query(beginnings, anywhere)


def _pieces(said: str) -> Iterator[tuple[str, str]]:
    return ((match.lastgroup or "", match.group()) for match in PIECES.finditer(said))


def _pairs(piece: str) -> Iterator[str]:
    """Characters with the one that follows; the last one stands alone."""
    return (piece[place : place + 2] for place in range(len(piece)))


def _asked(piece: str) -> Iterator[str]:
    """The pairs of a piece that is looked for; its end may be followed by anything."""
    return (piece[place : place + 2] for place in range(max(1, len(piece) - 1)))
