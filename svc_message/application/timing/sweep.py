"""What happens at its time, without anybody asking. One node of the mesh does it; two that do it harm nothing.

The chosen node looks at the store now and then, and sleeps between: each look says when the next thing is due. What was
written meanwhile, and is due before the next look, is known to the node that wrote it. That node does it, a little
later, so that it finds nothing to do where the chosen one was there before.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from mesh.clock import Clock
from mesh.errors import MeshError
from svc_message.application.agenda import Agenda

LOOK_MS: Final = 30_000
"""How late what nobody remembers is found: what a node wrote before it died, due sooner than this."""

BEHIND_MS: Final = 500
"""How long a node leaves what it wrote to the chosen one."""

AGAIN_MS: Final = 1_000
"""When what could not be done is tried again."""

ROUNDS: Final = 20
"""How often a step that has more to do goes on before the others have their turn."""

Step = Callable[[int], Awaitable[int | None]]
"""Does what is due at this time, Unix milliseconds, a bounded piece of it; answers when the next is due, None if
nothing waits. A time that is past: there is perhaps more.
"""


class Sweep:
    """Takes the steps in turn, whenever something is due."""

    def __init__(self, clock: Clock, chosen: Callable[[], bool], steps: Sequence[Step], agenda: Agenda) -> None:
        self._clock = clock
        self._chosen = chosen
        self._steps = tuple(steps)
        self._agenda = agenda

    async def run(self) -> None:
        """Sweep for ever."""
        look_ms = self._clock.now_ms()
        while True:
            noted = await self._agenda.rest(look_ms, 0 if self._chosen() else BEHIND_MS)
            look_ms = self._clock.now_ms() + LOOK_MS
            if noted or self._chosen():
                await self.once(look_ms)

    async def once(self, until_ms: int) -> None:
        """One turn; note what is due before this time. What cannot be done now is due a moment later again."""
        for step in self._steps:
            try:
                due_ms = await self._take(step)
            except MeshError:
                due_ms = self._clock.now_ms() + AGAIN_MS
            if due_ms is not None and due_ms < until_ms:
                self._agenda.note(due_ms)

    async def _take(self, step: Step) -> int | None:
        due_ms = None
        for _ in range(ROUNDS):
            due_ms = await step(now_ms := self._clock.now_ms())
            if due_ms is None or due_ms > now_ms:
                break
        return due_ms
