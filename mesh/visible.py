"""Whether a text shows anything to a reader. Pure Python."""

import unicodedata
from typing import Final

BLANKS: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols that show nothing: Hangul fillers and the empty braille pattern."""


def visible(text: str) -> bool:
    """Whether there is anything to see in a text."""
    # Cf are the invisible ones (zero width, direction), Z* the spaces, M* combine with what is not there.
    return any(unicodedata.category(char)[0] not in "CZM" and char not in BLANKS for char in text)
