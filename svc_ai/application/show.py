"""Show an answer while it is written: best effort, in order, never in the way of the answer itself."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from mesh.clock import Clock
from mesh.errors import MeshError
from svc_ai.application.write import Draft
from svc_ai.domain.reply import Delta, Happening, Opened, Reply, Snapshot, Step

MAX_DELTA: Final = 4_096
"""Characters of one delta, as its contract says."""

SHOW_SECONDS: Final = 2.0
"""How long one step may take to be handed over; then it counts as lost."""


@dataclass(frozen=True, slots=True)
class Pace:
    """When new text is shown: this long after it came, or at once when there is so much of it."""

    seconds: float = 0.05
    characters: int = 200
    snapshot_seconds: float = 5.0
    """How often the whole text is shown instead, for devices that came late or missed a piece."""


class Presenter:
    """Shows one reply. What was lost is made good by the next step, which is a snapshot then."""

    def __init__(
        self, reply: Reply, show: Callable[[Step], Awaitable[None]], clock: Clock, pace: Pace, *, again: bool
    ) -> None:
        """`again`: an earlier process has shown some of it, so devices must forget what they have."""
        self._reply = reply
        self._show = show
        self._clock = clock
        self._pace = pace
        self._whole = again
        self._draft: Draft | None = None
        self._number = 0
        self._shown = 0
        self._whole_at = clock.monotonic()
        self._last: Happening | None = None
        self._changed = asyncio.Event()
        self._urgent = asyncio.Event()

    def follow(self, draft: Draft) -> None:
        """Show this draft."""
        self._draft = draft

    def changed(self) -> None:
        """There is more text."""
        self._changed.set()
        if self._unshown >= self._pace.characters:
            self._urgent.set()

    def end(self, happening: Happening) -> None:
        """Show the rest, then this, then nothing more."""
        self._last = happening
        self._changed.set()
        self._urgent.set()

    async def run(self) -> None:
        """Show steps until the end was shown."""
        await self._step(Opened())
        while self._last is None:
            await self._changed.wait()
            await self._gather()
            self._changed.clear()
            await self._show_text()
        await self._show_text()
        await self._step(self._last)

    @property
    def _text(self) -> str:
        return self._draft.text if self._draft else ""

    @property
    def _unshown(self) -> int:
        return len(self._text) - self._shown

    async def _gather(self) -> None:
        """Wait for more text to share the step, but not for long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._pace.seconds):
                await self._urgent.wait()
        self._urgent.clear()

    async def _show_text(self) -> None:
        if self._whole or self._clock.monotonic() - self._whole_at > self._pace.snapshot_seconds:
            await self._show_whole()
        while self._unshown > 0 and not self._whole:
            piece = self._text[self._shown : self._shown + MAX_DELTA]
            await self._step(Delta(self._shown, piece))
            self._shown += len(piece)

    async def _show_whole(self) -> None:
        text = self._text
        self._whole, self._whole_at, self._shown = False, self._clock.monotonic(), len(text)
        await self._step(Snapshot(text))

    async def _step(self, happening: Happening) -> None:
        # Numbers follow the time, so that those of a process that crashed are lower.
        self._number = max(self._number + 1, self._clock.now_ms())
        try:
            async with asyncio.timeout(SHOW_SECONDS):
                await self._show(Step(self._reply, self._number, happening))
        except (MeshError, TimeoutError):
            self._whole = True
