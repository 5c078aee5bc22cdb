"""Which characters go to a model and which come back: nothing that a person cannot see."""

import re
from typing import Final

_HIDDEN: Final = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls but tab and line feed
    "\u200e\u200f\u2028-\u202e\u2066-\u2069"  # direction marks and separators, which show text in another order
    "\ud800-\udfff"  # halves of code points, which UTF-8 cannot carry
    "\U000e0000-\U000e01ef"  # tag characters, in which a prompt can hide
    "]"
)

_HALVES: Final = re.compile("[\ud800-\udfff]")
_FIRST_HALVES: Final = re.compile("[\ud800-\udbff]")


def visible(text: str) -> str:
    """The text without characters that a person does not see."""
    return _HIDDEN.sub("", text)


class Cleaner:
    """Cleans a text that comes in pieces; what it has given stays as it is.

    Beside hidden characters it takes the mark of a picture from Markdown (`![x](address)` becomes a link): an app that
    draws pictures from elsewhere would tell that address what was said.
    """

    def __init__(self) -> None:
        self._held = ""
        self._half = ""

    def feed(self, piece: str) -> str:
        """What is certain of the text so far and was not given before."""
        text = (self._held + visible(self._whole(piece))).replace("![", "[")
        self._held = "!" if text.endswith("!") else ""
        return text.removesuffix("!") if self._held else text

    def end(self) -> str:
        """What was held back in case more would come."""
        held, self._held = self._held, ""
        return held

    def _whole(self, piece: str) -> str:
        """The piece with its code points put together: some servers cut an emoji into two halves, one in each piece."""
        text, self._half = self._half + piece, ""
        if not _HALVES.search(text):
            return text
        if _FIRST_HALVES.match(text[-1]):
            text, self._half = text[:-1], text[-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
