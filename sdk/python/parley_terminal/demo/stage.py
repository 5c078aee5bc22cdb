"""Where the story is shown, and where what went wrong is noted."""

from __future__ import annotations

import asyncio
import sys
from typing import Final

_RESET: Final = "\x1b[0m"
_BOLD: Final = "\x1b[1m"
_DIM: Final = "\x1b[2m"
_GREEN: Final = "\x1b[32m"
_RED: Final = "\x1b[31m"
_COLOURS: Final = ("\x1b[36m", "\x1b[34m", "\x1b[33m", "\x1b[35m")
_WIDTH: Final = 13
_MOST_SHOWN: Final = 150
_PAUSE_SECONDS: Final = 1.5


class Stage:
    """Prints in colour when the output is a terminal, each device in a colour of its own."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self._plain = not sys.stdout.isatty()
        self._colours: dict[str, str] = {}
        self._acts = 0

    async def pause(self) -> None:
        """Leave a person who watches the time to read."""
        if not self._plain:
            await asyncio.sleep(_PAUSE_SECONDS)

    def act(self, title: str) -> None:
        """Begin a part of the story."""
        self._acts += 1
        self._print(f"\n{_BOLD}{self._acts}. {title}{_RESET}")

    def show(self, device: str, text: str) -> None:
        """Show what a device sees."""
        colour = self._colours.setdefault(device, _COLOURS[len(self._colours) % len(_COLOURS)])
        shown = text.replace("\n", " ")
        self._print(
            f"   {colour}{device:>{_WIDTH}}{_RESET} {shown if len(shown) <= _MOST_SHOWN else shown[:_MOST_SHOWN] + '…'}"
        )

    def note(self, text: str) -> None:
        """Say something aside."""
        self._print(f"   {_DIM}{text}{_RESET}")

    def missing(self, device: str, what: str) -> None:
        """Note that a device did not see what it should."""
        self.failures.append(f"{device} did not see {what}")
        self._print(f"   {_RED}{device:>{_WIDTH}} did not see {what}{_RESET}")

    def check(self, what: str, *, holds: bool) -> None:
        """Note whether something holds at the end."""
        mark = f"{_GREEN}✓{_RESET}" if holds else f"{_RED}✗{_RESET}"
        self._print(f"   {mark} {what}")
        if not holds:
            self.failures.append(what)

    def end(self) -> int:
        """Say how it went and return the exit code."""
        if not self.failures:
            self._print(f"\n{_GREEN}{_BOLD}Every device saw what it should.{_RESET}")
            return 0
        self._print(f"\n{_RED}{_BOLD}Missing or wrong:{_RESET}")
        for failure in self.failures:
            self._print(f"  - {failure}")
        return 1

    def _print(self, text: str) -> None:
        for code in (_RESET, _BOLD, _DIM, _GREEN, _RED, *_COLOURS) if self._plain else ():
            text = text.replace(code, "")
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
