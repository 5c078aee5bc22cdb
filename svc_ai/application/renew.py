"""Renew: write the answers that were asked for anew, and take up those that a process left."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Final

from mesh.clock import Clock
from mesh.errors import MeshError
from svc_ai.application.answer import Answering
from svc_ai.application.assistants import Assistants
from svc_ai.application.cancel import Running
from svc_ai.application.gather import Gathering
from svc_ai.domain.entry import Entry, EntryKind
from svc_ai.domain.ports import Journal
from svc_ai.domain.renewal import Renewal, Renewals
from svc_ai.domain.reply import Reply

HOLD_MS: Final = 4_000
"""How long an answer counts as being written since who writes it said so last."""

HOLD_SECONDS: Final = 1.0
"""How often who writes it says so."""

LOOK_SECONDS: Final = 3.0
"""How often is looked for answers that nobody writes any more."""

MAX_LEFT: Final = 100
"""Of them, how many are taken up at a look."""


class Renewing:
    """Writes one answer after another of each question. What a crash stopped is begun again within 7 seconds."""

    def __init__(
        self,
        renewals: Renewals,
        assistants: Assistants,
        gathering: Gathering,
        answering: Answering,
        running: Running,
        *,
        journal: Journal,
        clock: Clock,
        spawn: Callable[[Coroutine[None, None, None]], object],
        at_once: int,
    ) -> None:
        """`at_once` is how many are written at a time in this process; the others are held meanwhile."""
        self._renewals = renewals
        self._assistants = assistants
        self._gathering = gathering
        self._answering = answering
        self._running = running
        self._journal = journal
        self._clock = clock
        self._spawn = spawn
        self._places = asyncio.Semaphore(at_once)

    async def run(self) -> None:
        """Take up what was left, for ever."""
        while True:
            for renewal in await self._left():
                self._spawn(self.write(renewal))
            await self._clock.sleep(LOOK_SECONDS)

    async def write(self, renewal: Renewal) -> None:
        """Write the answer; what fails now is taken up when it is no longer held."""
        holding = asyncio.create_task(self._hold(renewal))
        try:
            async with self._places:
                await self._answer(renewal)
            await self._renewals.end(renewal)
        except Exception as error:  # noqa: BLE001  the next look has its turn whatever this one met
            self._journal.failed("renew", error)
        finally:
            holding.cancel()
            self._running.end(reply_of(renewal))

    async def _answer(self, renewal: Renewal) -> None:
        assistant = self._assistants.find(renewal.assistant_id)
        if assistant is None:
            return  # the installation has it no more
        place = Entry(renewal.conversation_id, renewal.seq, "", EntryKind.POST)
        question = await self._gathering.gather(assistant, place, renewal.asked_by, renewal.number)
        if question is not None:
            await self._answering.answer(replace(question, attempt=renewal.tries))

    async def _hold(self, renewal: Renewal) -> None:
        while True:
            await self._clock.sleep(HOLD_SECONDS)
            try:
                await self._renewals.hold(renewal, self._clock.now_ms() + HOLD_MS)
            except MeshError as error:
                self._journal.failed("hold", error)

    async def _left(self) -> list[Renewal]:
        """What nobody wrote to its end, as far as this process is the one to take it up."""
        if not self._assistants.ids:
            return []  # nobody is there yet to answer
        try:
            left = await self._renewals.left(self._clock.now_ms(), MAX_LEFT)
            return [replace(one, tries=one.tries + 1) for one in left if await self._take(one)]
        except MeshError as error:
            self._journal.failed("renew", error)
            return []

    async def _take(self, renewal: Renewal) -> bool:
        return await self._renewals.take(renewal, self._clock.now_ms() + HOLD_MS)


def reply_of(renewal: Renewal) -> Reply:
    """The reply that a renewal leads to."""
    key = (renewal.assistant_id, renewal.conversation_id, renewal.seq)
    return Reply(*key, renewal.asked_by, 0, renewal.number)
