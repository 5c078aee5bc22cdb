"""Which letters are the same to whoever searches: case, width, and the accents that one leaves out when in a hurry.

What is left out differs by writing. An accent on a Latin or Greek letter goes. Of Cyrillic the signs of stress and the
dots of ё go, while й, ї and ў are letters of their own. Of Hebrew the points go, of Arabic the vowel signs and what an
alef carries. All other marks stay: in the writing of India they are vowels, in Japanese and Korean other sounds.
"""

import re
import unicodedata
from typing import Final

ACCENTS: Final = re.compile(
    "(?=[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u0670\u06d6-\u06ed\u1ab0-\u1aff\u1dc0-\u1dff])(?:"
    "(?<=[a-z\u00df-\u02af\u0370-\u03ff])[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff]+"
    "|(?<=\u0435)[\u0300\u0301\u0308]+|(?<=[\u0430\u0438\u043e\u0443\u044b\u044d\u044e\u044f\u0454\u0456])[\u0300\u0301]"
    "|[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7]"
    "|(?<=\u0627)[\u064b-\u0655]+|[\u0610-\u061a\u064b-\u0652\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed]"
    ")"
)
"""Marks that do not matter, by the letter before them, in decomposed text: Latin and Greek, Cyrillic, Hebrew, Arabic.
All of them are named first, since most texts have none.
"""

PLAIN: Final = {
    "\u00e6": "ae",
    "\u00f8": "o",
    "\u0111": "d",
    "\u0127": "h",
    "\u0131": "i",
    "\u0142": "l",
    "\u0153": "oe",
    "\u0167": "t",
}
"""Letters that Unicode does not take apart, and that people write without a stroke, a dot or a joint all the same."""

JOINED: Final = re.compile(f"[{''.join(PLAIN)}]")


def normal(text: str) -> str:
    """The text as it is compared."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", text).casefold()
    bare = ACCENTS.sub("", unicodedata.normalize("NFKD", folded))
    return unicodedata.normalize("NFKC", JOINED.sub(lambda letter: PLAIN[letter.group()], bare))
