"""Two models that are asked as one: the second where the first is shut, silent, or fails before its first piece."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from mesh.breaker import Breaker
from mesh.errors import MeshError
from svc_ai.domain.ports import Model
from svc_ai.domain.prompt import Prompt
from svc_ai.domain.reasons import Reason
from svc_ai.domain.reply import Usage


class Fallback:
    """Nobody waits for the first while its breaker is open. An answer that one began the other does not begin again."""

    def __init__(self, first: Model, second: Model, breaker: Breaker, patience_seconds: float) -> None:
        """`patience_seconds` is how long the first may be silent before the second is asked."""
        self.name = first.name
        self._first = first
        self._second = second
        self._breaker = breaker
        self._patience_seconds = patience_seconds

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str | Usage, None]:
        """See the port. Use of the second names it."""
        if self._closed():
            async with aclosing(self._first.stream(prompt)) as pieces:
                begun = await self._begun(pieces)
                if begun is not None:
                    yield begun
                    async for piece in pieces:
                        yield piece
                    return
        # It does not know the models that the first one's server has.
        prompt = replace(prompt, wishes=replace(prompt.wishes, model=""))
        async with aclosing(self._second.stream(prompt)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Usage):
                    yield replace(piece, model=self._second.name)
                else:
                    yield piece
                    yield Usage(model=self._second.name)

    def _closed(self) -> bool:
        try:
            self._breaker.enter()
        except MeshError:
            return False
        return True

    async def _begun(self, pieces: AsyncGenerator[str | Usage, None]) -> str | Usage | None:
        """The first piece; None when there is none and the other may have one. Raises CONTENT_REFUSED."""
        try:
            async with asyncio.timeout(self._patience_seconds):
                piece = await anext(pieces, None)
        except asyncio.CancelledError:
            self._breaker.gave_up()
            raise
        except (MeshError, TimeoutError) as error:
            if isinstance(error, MeshError) and error.reason == Reason.CONTENT_REFUSED:
                self._breaker.succeeded()
                raise
            piece = None
        (self._breaker.failed if piece is None else self._breaker.succeeded)()
        return piece
