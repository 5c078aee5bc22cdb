"""Ask the installation's policy, and a model, about drafts, and decide without them when they do not answer."""

import asyncio
import contextvars
from collections.abc import Callable, Sequence
from typing import Final

from mesh import errors
from mesh.breaker import FAILURES, Breaker
from mesh.clock import Clock
from mesh.errors import MeshError
from mesh.live import PolicyMode
from mesh.turns import Turns
from svc_message.application.settle import Settle
from svc_message.domain.entry import Appended, Draft, EntryKind
from svc_message.domain.outside.policy import Judgement, Policy
from svc_message.domain.outside.program import Away
from svc_message.domain.reasons import Reason

SCREENED: Final = frozenset({EntryKind.POST, EntryKind.EDIT})
"""Kinds that bring content of their own."""

AT_ONCE: Final = 64
"""Questions at a time; others wait for one of them to end."""

OF_ONE: Final = 16
"""Of these, how many about what one user writes: who writes a lot keeps nobody else waiting for the answers."""

Observe = Callable[[str, float], None]
"""Told (outcome, seconds): `allowed`, `refused`, `replaced`, `failed_open` or `failed_closed`."""


class Screen:
    """A policy as the lanes use it. `mode` is asked each time, for it may change while the node runs."""

    def __init__(
        self, policy: Policy, breaker: Breaker, clock: Clock, *, mode: Callable[[], PolicyMode], observe: Observe
    ) -> None:
        self._policy = policy
        self._breaker = breaker
        self._clock = clock
        self._mode = mode
        self._observe = observe
        self._room = Turns(at_once=AT_ONCE, of_one=OF_ONE)
        self._failures = 0
        self._trying: asyncio.Event | None = None

    @property
    def on(self) -> bool:
        """Whether it is asked."""
        return self._mode() is not PolicyMode.OFF

    async def ask(self, draft: Draft) -> Draft:
        """The draft that may be kept.

        Raises CONTENT_REFUSED, and UNAVAILABLE when there is no answer and that means no.
        """
        async with self._room.of(draft.sender_id):
            started = self._clock.monotonic()
            try:
                judgement = await self._judge(draft)
            except (Away, MeshError):
                closed = self._mode() is PolicyMode.FAIL_CLOSED  # as it is now: waiting takes a while
                self._observe("failed_closed" if closed else "failed_open", self._clock.monotonic() - started)
                if not closed:
                    return draft
                raise _no_answer() from None
            self._observe(_outcome(judgement, draft), self._clock.monotonic() - started)
        if judgement.refused:
            raise errors.precondition(Reason.CONTENT_REFUSED, judgement.reason or "this may not be written here")
        return judgement.draft

    async def _judge(self, draft: Draft) -> Judgement:
        """Ask, unless it did not answer several times in a row and was not given its time yet."""
        tries = await self._enter()
        try:
            judgement = await self._policy.judge(draft)
        except Away:
            self._breaker.failed()
            self._failures += 1
            raise
        except BaseException:
            self._breaker.gave_up()
            raise
        else:
            self._breaker.succeeded()
            self._failures = 0
            return judgement
        finally:
            if tries is not None:
                self._trying = None
                tries.set()

    async def _enter(self) -> asyncio.Event | None:
        """Ask the breaker. While one question finds out whether there are answers again, the others wait for its end.

        Returns what they wait for, when this is that question.
        """
        while self._trying is not None:
            await self._trying.wait()
        self._breaker.enter()
        if self._failures >= FAILURES:
            self._trying = asyncio.Event()
        return self._trying


class Screening:
    """All who are asked about drafts before they are kept, one after the other."""

    def __init__(self, screens: Sequence[Screen] = ()) -> None:
        self._screens = screens
        self.kinds = frozenset[EntryKind]()
        """Kinds of entry that somebody is asked about now. An attribute: it is read for each message."""
        self.renew()

    def renew(self) -> None:
        """Look who is asked from now on."""
        self.kinds = SCREENED if any(screen.on for screen in self._screens) else frozenset()

    def begin(self, draft: Draft) -> "asyncio.Task[Draft]":
        """Begin to ask. The task gives the draft that may be kept, or raises what `Screen.ask` does."""
        # Not in the context of the call that brought the draft: its deadline is not that of those behind it.
        task = asyncio.create_task(self._ask(draft), context=contextvars.Context())
        task.add_done_callback(_looked_at)
        return task

    async def _ask(self, draft: Draft) -> Draft:
        for screen in self._screens:
            if screen.on:
                draft = await screen.ask(draft)
        return draft


def telling_of_replacement(settle: Settle) -> Settle:
    """Tell the sender that another content stands there than they wrote."""

    def told(draft: Draft, outcome: Appended | MeshError) -> None:
        settle(draft, outcome._replace(replaced=True) if isinstance(outcome, Appended) else outcome)

    return told


def _outcome(judgement: Judgement, draft: Draft) -> str:
    if judgement.refused:
        return "refused"
    return "allowed" if judgement.draft is draft else "replaced"


def _no_answer() -> MeshError:
    message = "this installation's policy does not answer; send again with the same number"
    return errors.unavailable(Reason.SERVICE_UNAVAILABLE, message, retry_after=1.0)


def _looked_at(task: "asyncio.Task[Draft]") -> None:
    """A lane that failed asks nobody for the answer any more."""
    if not task.cancelled():
        task.exception()
