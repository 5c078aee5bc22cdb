"""Consult: ask the model on behalf of a user, who waits for what it says."""

import asyncio
from dataclasses import dataclass
from typing import Final

from mesh import errors
from mesh.errors import MeshError
from svc_ai.application.usage import Metering
from svc_ai.application.write import Draft, Writer
from svc_ai.domain.prompt import Prompt
from svc_ai.domain.reasons import Reason
from svc_ai.domain.reply import Failure, Finish, Usage

MAX_CHARACTERS: Final = 32_768
"""Of what the model says: twice the longest text of a message, as a translation may be longer than its text."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the model said, whether it was cut off, and what it used."""

    text: str
    usage: Usage
    cut: bool = False


class Consulting:
    """Asks the model within its bounds. Who goes away stops it."""

    def __init__(self, writer: Writer, metering: Metering) -> None:
        self._writer = writer
        self._metering = metering

    async def ask(self, user_id: str, prompt: Prompt) -> Told:
        """What the model says.

        Raises BUDGET_EXHAUSTED, MODEL_UNAVAILABLE, MODEL_TIMEOUT and CONTENT_REFUSED.
        """
        await self._metering.check(user_id)
        draft = Draft(MAX_CHARACTERS, _nobody_looks)
        try:
            ending = await self._writer.write(prompt, draft, asyncio.Event())
        finally:
            if draft.text or draft.usage != Usage():  # nobody pays for a model that was away
                await self._metering.count(user_id, draft.usage)
        if ending.failure:
            raise _failed(ending.failure, ending.retry_after)
        return Told(draft.text, draft.usage, ending.finish is Finish.TRUNCATED)


def _nobody_looks() -> None:
    """Who asked sees the whole."""


def _failed(failure: Failure, retry_after: float) -> MeshError:
    match failure:
        case Failure.REFUSED:
            return errors.precondition(Reason.CONTENT_REFUSED, "the model does not work on this")
        case Failure.TIMEOUT:
            return errors.deadline(Reason.MODEL_TIMEOUT, "the model took too long; ask again, or for less")
        case Failure.BUDGET_EXHAUSTED:
            return errors.exhausted(Reason.BUDGET_EXHAUSTED, "your budget is used up for now", retry_after=retry_after)
        case _:
            message = "the model does not answer now; ask again later"
            return errors.unavailable(Reason.MODEL_UNAVAILABLE, message, retry_after=retry_after or 1.0)
