"""Single questions joined into calls of many: what is asked while one call is on its way goes with the next.

A unary call costs about 0.3 ms on each side whatever it asks, so thousands of devices that come at once must not make
one each. As with commits there is no timer: a lone question is asked at once.
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Final, Generic, TypeVar

from mesh import errors

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

MAX_KEYS: Final = 500
"""Questions of one call, by the contracts."""

MAX_WAITING: Final = 20_000
"""Questions that may wait; more are refused."""


class Questions(Generic[K, V]):
    """Asks `ask` for many keys at a time; it answers for each of them, or raises MeshError for all."""

    def __init__(self, ask: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]]) -> None:
        self._ask = ask
        self._waiting: dict[K, asyncio.Future[V]] = {}
        self._task: asyncio.Task[None] | None = None

    async def answer(self, key: K) -> V:
        """The answer for this key, asked for after this call began.

        Raises what `ask` raises, and OVERLOADED when too much waits.
        The call is nobody's own: it does not end with the deadline of the first who waits for it.
        """
        future = self._waiting.get(key)
        if future is None:
            if len(self._waiting) >= MAX_WAITING:
                raise errors.exhausted(errors.Reason.OVERLOADED, "too much is being asked", retry_after=1.0)
            future = self._waiting[key] = asyncio.get_running_loop().create_future()
        if self._task is None:
            self._task = asyncio.create_task(self._run(), context=contextvars.Context())
        return await asyncio.shield(future)

    async def _run(self) -> None:
        try:
            await asyncio.sleep(0)  # all that is asked in this turn of the loop
            while self._waiting:
                keys = list(self._waiting)[:MAX_KEYS]
                await self._settle({key: self._waiting.pop(key) for key in keys})
        finally:
            self._task = None

    async def _settle(self, asked: Mapping[K, asyncio.Future[V]]) -> None:
        try:
            answers = await self._ask(list(asked))
        except asyncio.CancelledError:
            for future in asked.values():
                future.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - it goes to those who wait
            for future in asked.values():
                future.set_exception(error)
                future.exception()  # who asked may have gone: then nobody looks at it
            return
        for key, future in asked.items():
            future.set_result(answers[key])
