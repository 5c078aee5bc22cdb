"""Deliver what was appended: in the order of the commits, one hand-over a batch."""

import asyncio
from collections.abc import Callable
from typing import Final

from svc_message.domain.ports import Delivery, Outgoing

Deliver = Callable[[list[Delivery]], None]
"""Queues deliveries; never waits."""

MAX_WAITING: Final = 50_000
"""Deliveries that may wait. Beyond it they are dropped: the devices find the gap and read the log."""


class Deliverer:
    """A queue in front of `Outgoing`, so that an ack never waits for a route or a broker."""

    def __init__(self, outgoing: Outgoing, most: int = MAX_WAITING) -> None:
        """`most`: deliveries that may wait."""
        self._outgoing = outgoing
        self._most = most
        self._waiting: list[Delivery] = []
        self._wake = asyncio.Event()
        self.dropped = 0
        self._handing = False
        self.handed = 0
        """Hand-overs that are over."""

    @property
    def due(self) -> int:
        """What `handed` has to reach until all is handed over that was pushed before now."""
        return self.handed + self._handing + bool(self._waiting)

    def push(self, deliveries: list[Delivery]) -> None:
        """Queue deliveries; never waits."""
        if len(self._waiting) + len(deliveries) > self._most:
            self.dropped += len(deliveries)
            return
        self._waiting += deliveries
        self._wake.set()

    async def run(self) -> None:
        """Hand over what waits, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            batch, self._waiting = self._waiting, []
            self._handing = True
            await self._outgoing.deliver(batch)
            self._handing = False
            self.handed += 1
