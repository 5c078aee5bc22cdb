"""What a device does when it lacks something: it asks for the log, as docs/protocol.md says and as the SDKs do."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from bench.account import Account
from bench.line import Line
from parley.conversation.v1 import conversation_service_pb2
from parley.conversation.v1.conversation_pb2 import Position
from parley.conversation.v1.conversation_service_pb2 import SyncRequest, SyncResponse
from parley.gateway.v1.frame_pb2 import Resumed
from parley.message.v1.entry_pb2 import Entry

PATIENCE_S: Final = 1.0
"""How long an entry may be missing. On a saturated core an answer and a delivery take two ways of different length."""

QUIET_S: Final = 2.0
"""Without an entry for so long, a device that was told that it lacks something lacks it."""

ANSWER_S: Final = 20.0
"""A Resume without an answer for so long is said again."""

LIMIT: Final = 2_000
"""Entries of one answer, by the contract."""

MAX_POSITIONS: Final = 500

SERVICE: Final = conversation_service_pb2.DESCRIPTOR.services_by_name["ConversationService"]
SYNC: Final = f"/{SERVICE.full_name}/Sync"


class Healing:
    """Decides when a device says Resume. It looks each second while something is amiss, and has no timer else."""

    def __init__(self, missing: Callable[[], bool], heard: Callable[[], int], resume: Callable[[], None]) -> None:
        """`missing` says whether an entry waits for an earlier one, `heard` how many entries have come so far, and
        `resume` says Resume to the server.
        """
        self._missing = missing
        self._heard = heard
        self._resume = resume
        self._timer: asyncio.TimerHandle | None = None
        self._told = self._waits = False
        self._asked_at = self._quiet_since = 0.0
        self._count = 0
        self.times = 0
        """How often Resume was said."""

    def lacks(self) -> None:
        """The server says that the device lacks something."""
        self._told = True
        self._wait()

    def early(self) -> None:
        """An entry came before an earlier one."""
        self._wait()

    def dropped(self) -> None:
        """The server dropped the queue: there is nothing to wait for."""
        self._wait()
        self._ask()

    def answered(self) -> None:
        """Resume has its answer."""
        self._asked_at = 0.0

    def _wait(self) -> None:
        if self._timer is None:
            self._quiet_since, self._count = time.perf_counter(), self._heard()
            self._timer = asyncio.get_running_loop().call_later(PATIENCE_S, self._look)

    def _look(self) -> None:
        self._timer, missing = None, self._missing()
        if self._is_due(time.perf_counter(), missing=missing):
            self._ask()
        # What is missing now was perhaps not missing a second ago: it waits for one more look.
        self._waits = missing
        if missing or self._told or self._asked_at:
            self._timer = asyncio.get_running_loop().call_later(PATIENCE_S, self._look)

    def _is_due(self, now: float, *, missing: bool) -> bool:
        if self._asked_at:
            return now - self._asked_at > ANSWER_S
        if self._heard() != self._count:
            self._quiet_since, self._count = now, self._heard()
        return (self._told and now - self._quiet_since > QUIET_S) or (missing and self._waits)

    def _ask(self) -> None:
        self._told, self._asked_at = False, time.perf_counter()
        self.times += 1
        self._resume()


def is_whole(resumed: Resumed) -> bool:
    """Whether the answer to Resume brought all that was missing."""
    return resumed.outcome == Resumed.Outcome.OUTCOME_RESUMED


async def page(
    line: Line, account: Account, places: Sequence[Position], take: Callable[[Sequence[Entry]], object]
) -> None:
    """Read what does not fit into one frame."""
    async for answer in pages(line, account, places):
        take(answer.entries)


async def pages(line: Line, account: Account, places: Sequence[Position]) -> AsyncIterator[SyncResponse]:
    """Read the log from these places on, the next page after each answer. Raises ConnectionError."""
    waiting = list(places)
    while waiting:
        request = SyncRequest(positions=waiting[:MAX_POSITIONS], limit=LIMIT)
        answer = await line.unary(SYNC, request, SyncResponse, account)
        yield answer
        waiting = [*answer.remaining, *waiting[MAX_POSITIONS:]]
