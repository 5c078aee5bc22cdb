"""What dead nodes left in keys that others keep alive: no lease would ever end it."""

from collections.abc import Callable, Collection, Mapping
from typing import Final

from mesh.clock import Clock
from mesh.kv import KeyValue
from mesh.route import NodeKey

SUSPECT_S: Final = 60.0
"""How long the registry must not know a node before what it left is removed."""

Live = Callable[[], Collection[NodeKey]]
"""The nodes that may hold routes and are alive, of all services that do; none when that is not known."""

Holder = Callable[[str, str, bytes], NodeKey | None]
"""Who wrote (key, field, value); None for what another version of this code may have written."""


def unknown() -> Collection[NodeKey]:
    """Know of no node whether it is alive: then none is taken for dead."""
    return ()


class Leftovers:
    """Nodes that are missing, and since when."""

    def __init__(self, kv: KeyValue, clock: Clock, live: Live, holder: Holder) -> None:
        self._kv = kv
        self._clock = clock
        self._live = live
        self._holder = holder
        self._missing: dict[NodeKey, float] = {}

    def forgive(self) -> None:
        """A node that is alive again is under no suspicion."""
        live = self._live()
        self._missing = {node: since for node, since in self._missing.items() if node not in live}

    async def sweep(self, found: Mapping[str, Mapping[str, bytes]]) -> None:
        """Remove what nodes that are missing for long have in these keys. UNAVAILABLE when the cache is away."""
        live, now = self._live(), self._clock.monotonic()
        for key, fields in found.items() if live else ():
            for field, value in fields.items():
                holder = self._holder(key, field, value)
                if holder is None or holder in live:
                    continue
                if now - self._missing.setdefault(holder, now) >= SUSPECT_S:
                    await self._kv.remove(key, field, value)
