"""Ask the model about what is in the log already, and show moderators what it finds.

Nothing is done when a message is sent: the log is read in the background, from where it was left, and only in this
mode. One node does it; a second one that believes that it should asks and reports the same things again, which changes
nothing: there are no two open reports of nobody about one message.
"""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from typing import Final

from mesh.clock import Clock
from mesh.errors import MeshError
from svc_message.application.administration.report import Reporting
from svc_message.application.judging.modes import Modes
from svc_message.application.judging.screen import SCREENED
from svc_message.domain.administration.judging import Critic
from svc_message.domain.entry import Stored
from svc_message.domain.outside.program import Away, Backoff
from svc_message.domain.outside.sink import Feed, SinkPlaces

NAME: Final = "judging_model"
"""Under which the place is kept. No sink has it: the names of these have no underscore."""

BATCH: Final = 100

AT_ONCE: Final = 8
"""Questions at a time: those about texts that wait to be kept go before."""

POLL_S: Final = 1.0
"""How often the log is looked at when nothing came."""

RETRY_S: Final = 1.0

GIVE_UP_S: Final = 300.0
"""For how long the model is asked about one text. What it cannot answer by then holds up the others no longer."""

Observe = Callable[[str, int], None]
"""Told (what happened, entries): `looked_at`, `found`, `away` or `passed_over`."""


class NotNow(Exception):  # noqa: N818 - no failure: another mode holds, or another node goes on
    """Nothing is to be asked here."""


class LogJudge:
    """Reads the logs for as long as this mode holds and this node is the one."""

    def __init__(
        self,
        critic: Critic,
        modes: Modes,
        feed: Feed,
        places: SinkPlaces,
        reporting: Reporting,
        owns: Callable[[str], bool],
        clock: Clock,
        observe: Observe,
    ) -> None:
        self._critic = critic
        self._modes = modes
        self._feed = feed
        self._places = places
        self._reporting = reporting
        self._owns = owns
        self._clock = clock
        self._observe = observe
        self._backoff = Backoff()
        self._room = asyncio.Semaphore(AT_ONCE)
        self._changed = asyncio.Event()
        self._skips = False
        modes.live.listen(self._changed.set)

    async def run(self) -> None:
        """Go on for ever. In other modes it sleeps until that changes."""
        while True:
            await self._until_on()
            try:
                await self._follow()
            except NotNow:
                await self._clock.sleep(POLL_S if self._modes.reviewing else 0)
            except MeshError:  # the store is away: it says so itself
                await self._clock.sleep(RETRY_S)

    async def _until_on(self) -> None:
        """Wait for the mode. Who saw that administrators had it off begins at the end: that is what off means."""
        while not self._modes.reviewing:
            self._skips = self._skips or self._modes.known
            self._changed.clear()
            await self._changed.wait()

    async def _follow(self) -> None:
        self._check()
        reader = self._feed.reader(await self._begin())
        saved = reader.place
        while True:
            entries = await reader.read(BATCH)
            await self._look([entry for entry in entries if entry.kind in SCREENED and entry.sender_id])
            if reader.place != saved:
                saved = reader.place
                await self._places.save(NAME, saved)
            if not entries:
                await self._clock.sleep(POLL_S)
            self._check()

    async def _begin(self) -> int:
        place = await self._places.load(NAME)
        if place is None or self._skips:
            place = await self._feed.end()
            await self._places.save(NAME, place)
            self._skips = False
        return place

    def _check(self) -> None:
        if not self._owns(NAME):
            self._skips = False  # the node that goes on has seen the change too
            raise NotNow
        if not self._modes.reviewing:
            raise NotNow

    async def _look(self, entries: Sequence[Stored]) -> None:
        """Ask about these, and again about those without an answer."""
        began, waiting = self._clock.monotonic(), list(entries)
        for failures in itertools.count(1):
            answers = await asyncio.gather(*map(self._ask, waiting))
            waiting = [entry for entry, answered in zip(waiting, answers, strict=True) if not answered]
            if not waiting:
                return
            if self._clock.monotonic() - began >= GIVE_UP_S:
                self._observe("passed_over", len(waiting))
                return
            self._observe("away", len(waiting))
            await self._clock.sleep(self._backoff.pause(failures))
            self._check()

    async def _ask(self, entry: Stored) -> bool:
        """Ask about one and report what is found; False without an answer."""
        try:
            async with self._room:
                finding = await self._critic.judge(entry.entry)
        except Away:
            return False
        self._observe("found" if finding else "looked_at", 1)
        if finding is not None:
            await self._reporting.flagged(entry, finding.explanation)
        return True
