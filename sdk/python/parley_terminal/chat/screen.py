"""What is shown: lines that scroll away above, and the state of things around the input line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from prompt_toolkit import print_formatted_text
from prompt_toolkit.formatted_text import FormattedText, StyleAndTextTuples
from prompt_toolkit.styles import Style

from parley.message.v1 import entry_pb2

STYLE: Final = Style.from_dict(
    {
        "time": "ansibrightblack",
        "number": "ansibrightblack",
        "me": "ansigreen bold",
        "other": "ansicyan bold",
        "place": "ansiyellow",
        "happened": "ansibrightblack italic",
        "error": "ansired",
        "hint": "ansibrightblack",
        "reply": "ansimagenta",
        "prompt": "ansigreen bold",
        "mark": "ansigreen",
        "bottom-toolbar": "noreverse ansibrightblack",
    }
)


class Screen:
    """Prints above the input line, and has it drawn again when what stands around it changed."""

    def __init__(self) -> None:
        self.redraw: Callable[[], None] = lambda: None

    def say(self, text: str, style: str = "hint") -> None:
        """Print a line about the messenger itself."""
        self._print([(f"class:{style}" if style else "", text)])

    def error(self, text: str) -> None:
        """Print what did not work."""
        self._print([("class:error", f"! {text}")])

    def message(self, entry: entry_pb2.Entry, *, speaker: str, text: str, own: bool, place: str = "") -> None:
        """Print what somebody said; `place` names the conversation when it is not the open one."""
        self._print(
            [
                *_stamp(entry),
                ("class:place", f"[{place}] " if place else ""),
                ("class:me" if own else "class:other", f"{speaker}: "),
                ("", text),
            ]
        )

    def happened(self, entry: entry_pb2.Entry, *, text: str, place: str = "") -> None:
        """Print what happened."""
        where = ("class:place", f"[{place}] " if place else "")
        self._print([*_stamp(entry), where, ("class:happened", text)])

    def _print(self, fragments: StyleAndTextTuples) -> None:
        print_formatted_text(FormattedText(_clean(fragments)), style=STYLE)


def _stamp(entry: entry_pb2.Entry) -> StyleAndTextTuples:
    at = datetime.fromtimestamp(entry.sent_at_ms / 1_000).astimezone()
    return [("class:time", f"{at:%H:%M} "), ("class:number", f"#{entry.seq:<4} ")]


def _clean(fragments: StyleAndTextTuples) -> StyleAndTextTuples:
    """Take out control characters: what others write must not steer the terminal."""
    return [(fragment[0], printable(fragment[1])) for fragment in fragments]


def printable(text: str) -> str:
    """Return a text without characters that steer a terminal; line breaks stay."""
    return "".join(char if char.isprintable() or char == "\n" else " " for char in text)
