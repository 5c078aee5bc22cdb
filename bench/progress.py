"""A line that says what goes on: rewritten in place on a terminal, one line a phase elsewhere."""

import asyncio
import sys
from collections.abc import Callable
from typing import Final

STEP_S: Final = 0.5


class Progress:
    """Writes to standard error, so that a report on standard output stays clean."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._phase = ""

    async def during(self, phase: str, seconds: float, count: Callable[[], int] | None = None) -> None:
        """Wait, and show how far a phase is and how fast `count` rises."""
        loop = asyncio.get_running_loop()
        began, first = loop.time(), count() if count else 0
        while (passed := loop.time() - began) < seconds:
            rate = f"  {(count() - first) / passed:,.0f}/s" if count and passed > STEP_S else ""
            self.show(phase, f"{passed:.0f}/{seconds:.0f} s{rate}")
            await asyncio.sleep(min(STEP_S, seconds - passed))

    def show(self, phase: str, detail: str = "") -> None:
        """Show a phase, and how far it is."""
        if self._terminal:
            sys.stderr.write(f"\r\x1b[K{phase}  {detail}")
        elif phase != self._phase:
            sys.stderr.write(f"{phase}\n")
        sys.stderr.flush()
        self._phase = phase

    def clear(self) -> None:
        """Leave the line empty for what comes next."""
        if self._terminal:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
