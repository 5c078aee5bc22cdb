"""What happens at its time, without anybody asking. One node of the mesh does it; two that do it harm nothing."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from mesh.clock import Clock
from mesh.errors import MeshError

PERIOD_S: Final = 1.0

ROUNDS: Final = 20
"""How often a step that has more to do goes on before the others have their turn."""

Step = Callable[[int], Awaitable[bool]]
"""Does what is due at this time, Unix milliseconds, a bounded piece of it; whether there is perhaps more."""


class Sweep:
    """Takes the steps in turn, each second."""

    def __init__(self, clock: Clock, chosen: Callable[[], bool], steps: Sequence[Step]) -> None:
        self._clock = clock
        self._chosen = chosen
        self._steps = tuple(steps)

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            await self._clock.sleep(PERIOD_S)
            if self._chosen():
                await self.once()

    async def once(self) -> None:
        """One turn. What cannot be done now is due the next time again."""
        for step in self._steps:
            try:
                await self._take(step)
            except MeshError:
                continue

    async def _take(self, step: Step) -> None:
        for _ in range(ROUNDS):
            if not await step(self._clock.now_ms()):
                return
