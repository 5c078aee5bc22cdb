"""Write the text of an answer: run the model within its bounds, and stop it when it is told to stop."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final

from mesh.breaker import Breaker
from mesh.errors import Code, MeshError
from svc_ai.domain.ports import Journal, Model
from svc_ai.domain.prices import Prices
from svc_ai.domain.prompt import Prompt
from svc_ai.domain.reasons import Reason
from svc_ai.domain.reply import Ending, Failure, Finish, Usage
from svc_ai.domain.text import Cleaner
from svc_ai.domain.usage import estimated

ATTEMPTS: Final = 2
"""Calls of the model for one answer. After the first piece it is not called again: its text has been seen."""

RETRY_SECONDS: Final = 1.0
"""Whoever wants to be asked later than this is not asked again for one answer: the user is told when to."""

STOP_SECONDS: Final = 0.5
"""How long a model may take to stop; what it says later is not heard. Half of what a user is promised."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long an answer may take and become."""

    seconds: float = 60.0
    """For the whole answer."""
    first_piece_seconds: float = 20.0
    """For the first piece, with the wait for the model's turn and what a provider takes to read the prompt."""
    piece_seconds: float = 20.0
    """For the next piece; a model that is silent for so long hangs."""
    characters: int = 16_000
    """Of the text: at four bytes each below the 65,536 bytes of `AssistantReply.text`."""


class Draft:
    """A text as it grows. `changed` is called after each piece."""

    def __init__(self, limit: int, changed: Callable[[], None]) -> None:
        self.text = ""
        self.usage = Usage()
        self._limit = limit
        self._changed = changed
        self._cleaner = Cleaner()
        self._closed = False

    @property
    def full(self) -> bool:
        """It has reached its limit."""
        return len(self.text) >= self._limit

    def take(self, piece: str | Usage) -> None:
        """Add a piece, or what the model used. Nothing is added once it is closed."""
        if isinstance(piece, Usage):
            self.usage = piece
        elif not self._closed:
            self._add(self._cleaner.feed(piece))

    def close(self) -> None:
        """No more comes."""
        if not self._closed:
            self._add(self._cleaner.end())
            self._closed = True

    def estimate(self, prompt: Prompt) -> None:
        """Take what it must have used when the model did not come to say it."""
        if self.text and not self.usage.output_tokens:
            rough = estimated(prompt, len(self.text))
            self.usage = replace(self.usage, input_tokens=rough.input_tokens, output_tokens=rough.output_tokens)

    def _add(self, text: str) -> None:
        self.text += text[: self._limit - len(self.text)]
        self._changed()


class Writer:
    """Asks the model, a second time if the first gave nothing."""

    def __init__(self, model: Model, bounds: Bounds, breaker: Breaker, journal: Journal, prices: Prices) -> None:
        self.model = model
        self.bounds = bounds
        self.available = True
        """Whether the model answered when it was last asked."""
        self._breaker = breaker
        self._journal = journal
        self._prices = prices

    async def write(self, prompt: Prompt, draft: Draft, stop: asyncio.Event) -> Ending:
        """Fill the draft until the model is done, `stop` is set, or a bound is reached; say how it ended."""
        writing = asyncio.create_task(self._try(prompt, draft))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({writing, stopping}, timeout=self.bounds.seconds, return_when=asyncio.FIRST_COMPLETED)
            if writing.done():
                return writing.result()
            return _cut_short(draft, cancelled=stopping.done())
        finally:
            draft.close()
            draft.estimate(prompt)
            draft.usage = self._prices.charged(draft.usage, prompt.wishes.model or self.model.name)
            stopping.cancel()
            await _end(writing)

    async def _try(self, prompt: Prompt, draft: Draft) -> Ending:
        ending = Ending(Finish.FAILED, Failure.INTERNAL)
        for _ in range(ATTEMPTS):
            await asyncio.sleep(ending.retry_after)
            ending = await self._attempt(prompt, draft)
            if draft.text or ending.failure in (None, Failure.REFUSED) or ending.retry_after > RETRY_SECONDS:
                break
        return ending

    async def _attempt(self, prompt: Prompt, draft: Draft) -> Ending:
        try:
            await self._stream(prompt, draft)
        except Exception as error:  # noqa: BLE001  whatever a model raises, the user sees an end
            self._journal.failed("model", error)
            return _failed(error)
        if draft.full or draft.usage.cut:
            return Ending(Finish.TRUNCATED)
        draft.close()
        return Ending(Finish.COMPLETE) if draft.text.strip() else Ending(Finish.FAILED, Failure.MODEL_UNAVAILABLE)

    async def _stream(self, prompt: Prompt, draft: Draft) -> None:
        self._breaker.enter()
        try:
            async with aclosing(self.model.stream(prompt)) as pieces:
                await self._take_all(pieces, draft)
        except asyncio.CancelledError:
            self._breaker.gave_up()
            raise
        except Exception as error:
            self._count(answered=isinstance(error, MeshError) and error.reason == Reason.CONTENT_REFUSED)
            raise
        self._count(answered=True)

    async def _take_all(self, pieces: AsyncGenerator[str | Usage, None], draft: Draft) -> None:
        patience = self.bounds.first_piece_seconds
        while not draft.full:
            async with asyncio.timeout(patience):
                piece = await anext(pieces, None)
            if piece is None:
                return
            draft.take(piece)
            patience = self.bounds.piece_seconds
            # A model that never waits would keep everyone else waiting, the cancel included.
            await asyncio.sleep(0)

    def _count(self, *, answered: bool) -> None:
        self.available = answered
        (self._breaker.succeeded if answered else self._breaker.failed)()


def _cut_short(draft: Draft, *, cancelled: bool) -> Ending:
    draft.close()
    if cancelled:
        return Ending(Finish.CANCELLED, None if draft.text else Failure.CANCELLED)
    return Ending(Finish.TRUNCATED) if draft.text else Ending(Finish.FAILED, Failure.TIMEOUT)


def _failed(error: Exception) -> Ending:
    if isinstance(error, TimeoutError):
        return Ending(Finish.FAILED, Failure.TIMEOUT)
    if not isinstance(error, MeshError):
        return Ending(Finish.FAILED, Failure.INTERNAL)
    if error.reason == Reason.CONTENT_REFUSED:
        return Ending(Finish.FAILED, Failure.REFUSED)
    failure = Failure.TIMEOUT if error.code is Code.DEADLINE_EXCEEDED else Failure.MODEL_UNAVAILABLE
    return Ending(Finish.FAILED, failure, error.retry_after or 0.0)


async def _end(task: "asyncio.Task[Ending]") -> None:
    """Cancel and wait a little: a model that does not let go is left behind, it can add nothing any more."""
    task.cancel()
    await asyncio.wait({task}, timeout=STOP_SECONDS)
