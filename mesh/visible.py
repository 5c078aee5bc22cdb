"""Whether a text shows anything to a reader. Pure Python."""

from typing import Final
from unicodedata import category

UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp", "Mn", "Me"})
"""Categories that show nothing: controls, directions and joiners, spaces, and marks on what is not there.

What is not assigned (Cn) is seen: to this Python the emoji of a newer Unicode are. Private ones (Co) have their fonts.
"""

FILLERS: Final = "\u115f\u1160\u2800\u3164\uffa0\U0001d159"
"""Letters and symbols that show nothing: Hangul fillers, the empty braille pattern and the note without a head."""

RESERVED: Final = (0x2065, *range(0xFFF0, 0xFFF9), *range(0xE0000, 0xE1000))
"""What Unicode keeps for more that shows nothing."""

BLANKS: Final = frozenset((*FILLERS, *map(chr, RESERVED)))


def visible(text: str) -> bool:
    """Whether there is anything to see in a text. Asked of each message, of which most are done after one character."""
    for character in text:  # noqa: SIM110  `any` would take three times as long
        if category(character) not in UNSEEN and character not in BLANKS:
            return True
    return False
