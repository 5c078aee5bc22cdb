"""Which leases a node renews when.

Renewing one costs the node 55 µs and Redis 8 µs of CPU (`make bench SCENARIO=routes`), so a million devices that are
renewed each ten seconds would fill one Redis and five cores of gateways with nothing else. Leases are long instead, and
each turn renews a share of them. What a short lease would notice at once is looked for by other means: each turn writes
a number, and when the number is not there the next time, the cache has lost or forgotten something and all is renewed.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from mesh.clock import Clock
from mesh.kv import KeyValue

RENEW_S: Final = 10.0
"""From turn to turn; a cache that lost everything is filled again after so long."""

TURNS: Final = 20
"""In so many turns everything is renewed once."""

LEASE_S: Final = 3 * TURNS * RENEW_S
"""How long what a node wrote outlives it: two renewals may fail. A wrong route costs nothing while the registry says
that the node is dead, and else a publish to a topic that nobody reads.
"""

FROZEN_S: Final = 2.5 * RENEW_S
"""A node whose turns are further apart was not running: its devices may be elsewhere by now."""

MARK: Final = "holder/"
FIELD: Final = "turn"

Due = Callable[[str], bool]
"""Whether the lease of this name is to be renewed in this turn."""


class Renewal:
    """The turns of one holder of leases; `holder` names it and this start of it."""

    def __init__(self, kv: KeyValue, clock: Clock, holder: str) -> None:
        self._kv = kv
        self._clock = clock
        self._key = MARK + holder
        self._turn = 0
        self._last = clock.monotonic()
        self.doubted = asyncio.Event()
        """Set while something could not be written: the next turn renews everything, and should come soon."""

    def doubt(self) -> None:
        """Something could not be written."""
        self.doubted.set()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Due]:
        """Take a turn: yields what is due in it. A turn that fails makes the next one renew everything.

        UNAVAILABLE when the cache is away.
        """
        frozen = self._was_frozen()
        doubtful = self.doubted.is_set() or frozen
        self.doubted.clear()  # whoever doubts from now on may have come too late for this turn
        try:
            forgotten = await self._is_forgotten()
            self._turn += 1
            yield _always if doubtful or forgotten else self._due
            await self._kv.put(self._key, FIELD, b"%d" % self._turn, LEASE_S)
        except BaseException:
            self.doubt()
            raise

    def _due(self, name: str) -> bool:
        # Only this process shares them out, and a string knows its own hash: all names are looked at in each turn.
        return hash(name) % TURNS == self._turn % TURNS

    def _was_frozen(self) -> bool:
        last, self._last = self._last, self._clock.monotonic()
        return self._last - last > FROZEN_S

    async def _is_forgotten(self) -> bool:
        """Whether the cache does not know the last turn: it lost everything, or went back to an older state."""
        stored = (await self._kv.read([self._key])).get(self._key, {})
        return stored.get(FIELD) != b"%d" % self._turn


def _always(_: str) -> bool:
    return True
