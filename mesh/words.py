"""Words that an installation does not want, found in texts whatever their spelling. Pure Python.

A text is folded first: compatibility forms, case, width, accents, look-alike letters and digits, and everything that
separates, visible or not, is taken out. What is looked for was folded in the same way. Most texts hold nothing of it
and are done then. In one that does, each find is held to the borders of words:

* A word of a script without spaces, such as Chinese, counts wherever it stands, also with signs between its characters.
* Any other word must begin and end where a word does. Signs within it do not help (`b.a.d`), and a blank does only
  when it does not stand between single letters (`b a d` is found, `go at` is no `goat`). A `*` at either end of a word
  of the list lets it go on there.
"""

import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from typing import Final, NamedTuple


class Action(IntEnum):
    """What to do about a word, by rising weight. The numbers are those of `parley.ai.v1.Verdict`."""

    ALLOW = 1
    MASK = 2
    REVIEW = 3
    BLOCK = 4


@dataclass(frozen=True, slots=True)
class WordClass:
    """Words of one kind. Those of a class that is allowed are exceptions: what is found within one does not count."""

    name: str
    action: Action
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was found: the gravest action, the names of the classes, and the text with the words to mask hidden."""

    action: Action
    classes: tuple[str, ...]
    masked: str


class Found(NamedTuple):
    """A word of the list in a folded text: where it begins and ends there, and its number in the list."""

    start: int
    end: int
    number: int


Finder = Callable[[str], Iterable[Found]]
"""All places of all words in a folded text."""

MakeFinder = Callable[[Sequence[str]], Finder]

HIDE: Final = "*"

_NOTHING, _SIGN, _BLANK = 0, 1, 2
"""What stands between two letters."""

_LOOKALIKES: Final = {
    **dict(zip("0134578@$€", "oieastbase", strict=True)),
    # Cyrillic and Greek letters that look like Latin ones.
    **dict(zip("асеорхуіѕјкмнтвԁɡαβεικνορτυχ", "aceopxyisjkmhtbdgabeiknoptux", strict=True)),
    **dict(zip("ıłøđħ", "ilodh", strict=True)),
}

_EAST_ASIA: Final = 0x2E80
_UNPARTED: Final = (range(0x0E00, 0x1000), range(0x1000, 0x10A0), range(0x1100, 0x1200), range(0x1780, 0x1800))
"""Thai to Tibetan, Burmese, the parts of Hangul, Khmer."""

_REMEMBERED: Final = 20_000
"""Characters that are remembered: more than all scripts of a busy installation."""

_TAGS: Final = range(0xE0000, 0xE0080)

_MARKS: Final = frozenset(
    (
        *range(0x300, 0x370),
        *range(0x483, 0x48A),
        *range(0x1AB0, 0x1B00),
        *range(0x1DC0, 0x1E00),
        *range(0x20D0, 0x2100),
        *range(0xFE00, 0xFE10),
        *range(0xFE20, 0xFE30),
        *range(0xE0100, 0xE01F0),
    )
)
"""Accents and variants. Marks of other scripts are vowels: without them words would be others."""


def _separates(character: str) -> bool:
    return unicodedata.category(character)[0] in "ZPSC"


class _Folding(dict[int, int | str | None]):
    """What each character becomes, found out when it first occurs."""

    def __missing__(self, code: int) -> int | str | None:
        character = chr(code)
        meant = _LOOKALIKES.get(character, code)
        gone = code in _MARKS or code in _TAGS or (meant is code and _separates(character))
        value = None if gone else meant
        if len(self) < _REMEMBERED:
            self[code] = value
        return value


_FOLDING: Final = _Folding()


def fold(text: str) -> str:
    """The text as it is compared."""
    if text.isascii():
        return text.lower().translate(_FOLDING)
    return unicodedata.normalize("NFKD", text).casefold().translate(_FOLDING)


class Words:
    """A list of words, ready to be looked for."""

    def __init__(self, classes: Iterable[WordClass], make_finder: MakeFinder) -> None:
        self._words = tuple(_prepared(classes))
        self._find = make_finder([word.folded for word in self._words])

    def __len__(self) -> int:
        """How many words there are."""
        return len(self._words)

    def judge(self, text: str) -> Judgement | None:
        """What to do about a text; None when nothing is in it."""
        found = list(self._find(fold(text)))
        if not found:
            return None
        return self._weigh(text, _Spread(text), found)

    def _weigh(self, text: str, spread: "_Spread", found: list[Found]) -> Judgement | None:
        counted = [one for one in found if self._words[one.number].stands(spread, one)]
        fine = [(one.start, one.end) for one in counted if self._words[one.number].action is Action.ALLOW]
        grave = [one for one in counted if not self._excepted(one, fine)]
        if not grave:
            return None
        names = tuple(dict.fromkeys(self._words[one.number].of for one in grave))
        masked = [one for one in grave if self._words[one.number].action is Action.MASK]
        return Judgement(max(self._words[one.number].action for one in grave), names, spread.hide(text, masked))

    def _excepted(self, one: Found, fine: list[tuple[int, int]]) -> bool:
        if self._words[one.number].action is Action.ALLOW:
            return True
        return any(start <= one.start and one.end <= end for start, end in fine)


class _Word(NamedTuple):
    folded: str
    action: Action
    of: str
    open_start: bool
    open_end: bool
    anywhere: bool
    blanks: frozenset[int]
    """Where the word itself has a blank."""

    def stands(self, spread: "_Spread", found: Found) -> bool:
        """Whether it is a word there, and not a piece of others."""
        if self.anywhere:
            return True
        begins = self.open_start or spread.border(found.start)
        ends = self.open_end or spread.border(found.end)
        return begins and ends and spread.in_one(found.start, found.end, self.blanks)


def _prepared(classes: Iterable[WordClass]) -> Iterator[_Word]:
    for one in classes:
        for word in one.words:
            folded = fold(word)
            if folded:
                anywhere = any(map(_without_spaces, folded))
                yield _Word(
                    folded, one.action, one.name, word[:1] == "*", word[-1:] == "*", anywhere, _Spread(word).blanks
                )


def _without_spaces(character: str) -> bool:
    """Whether it belongs to a script that does not part words: Chinese, kana, Hangul, Thai and its neighbours."""
    code = ord(character)
    return code >= _EAST_ASIA or any(code in block for block in _UNPARTED)


class _Spread:
    """A folded text with the places in the text that its characters come from, and what stands before each."""

    def __init__(self, text: str) -> None:
        self._origins: list[int] = []
        self._gaps: list[int] = []
        self._folded: list[str] = []
        gap = _BLANK
        for place, character in enumerate(text):
            folded = fold(character)
            if not folded:
                gap = max(gap, _gap(character))
            for one in folded:
                self._origins.append(place)
                self._gaps.append(gap)
                self._folded.append(one)
                gap = _NOTHING
        self._gaps.append(_BLANK)

    def border(self, place: int) -> bool:
        """Whether a word may begin or end before this character of the folded text."""
        if self._gaps[place] or place in (0, len(self._folded)):
            return True
        return _without_spaces(self._folded[place]) or _without_spaces(self._folded[place - 1])

    @property
    def blanks(self) -> frozenset[int]:
        """Before which characters of the folded text there is a blank."""
        return frozenset(place for place in range(1, len(self._folded)) if self._gaps[place] == _BLANK)

    def in_one(self, start: int, end: int, blanks: frozenset[int]) -> bool:
        """Whether it is one word with blanks where it may have them, or letters that stand alone."""
        inner = [place for place in range(start + 1, end) if self._gaps[place]]
        if all(self._gaps[place] != _BLANK or place - start in blanks for place in inner):
            return True
        return all(later - earlier == 1 for earlier, later in pairwise([start, *inner, end]))

    def hide(self, text: str, found: list[Found]) -> str:
        """The text with these words hidden, and what belongs to their last characters."""
        shown = list(text)
        for one in found:
            last = self._origins[one.end - 1]
            after = bisect_right(self._origins, last)
            end = self._origins[after] if after < len(self._origins) else len(text)
            for place in range(self._origins[one.start], end):
                if place <= last or not _gap(text[place]):
                    shown[place] = HIDE if not text[place].isspace() else text[place]
        return "".join(shown)


def _gap(character: str) -> int:
    """What a character that is taken out is to the letters around it; what cannot be seen is nothing."""
    category = unicodedata.category(character)
    if category[0] == "Z" or character.isspace():
        return _BLANK
    return _NOTHING if category[0] in "MC" else _SIGN
