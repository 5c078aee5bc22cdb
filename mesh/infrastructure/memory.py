"""Registry, broker and key-value in the memory of one process: the standalone's, and the tests'.

They keep the contracts of the ports, and lose everything with the process, as the ports allow.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager

from mesh.broker import MAX_BUFFERED, MAX_BUFFERED_BYTES, Lost
from mesh.clock import Clock
from mesh.infrastructure.buffer import Buffer
from mesh.registry import Node


class MemoryRegistry:
    """`mesh.registry.Registry` of one process."""

    def __init__(self) -> None:
        self._nodes: dict[str, tuple[Node, ...]] = {}
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def register(self, service: str, node: Node) -> AsyncIterator[None]:
        """See the port."""
        self._set(service, [*(other for other in self.nodes(service) if other.id != node.id), node])
        try:
            yield
        finally:
            # A node that started again under its id stays: only this life of it ends.
            self._set(service, [other for other in self.nodes(service) if other != node])

    def nodes(self, service: str) -> tuple[Node, ...]:
        """See the port."""
        return self._nodes.get(service, ())

    async def watch(self, service: str) -> AsyncIterator[tuple[Node, ...]]:
        """See the port."""
        seen: tuple[Node, ...] | None = None
        while True:
            changed = self._changed
            if self.nodes(service) != seen:
                seen = self.nodes(service)
                yield seen
            else:
                await changed.wait()

    def _set(self, service: str, nodes: Iterable[Node]) -> None:
        self._nodes[service] = tuple(sorted(nodes))
        self._changed.set()
        self._changed = asyncio.Event()


class MemoryBroker:
    """`mesh.broker.Broker` of one process."""

    def __init__(self, capacity: int = MAX_BUFFERED, capacity_bytes: int = MAX_BUFFERED_BYTES) -> None:
        self._capacity = capacity
        self._capacity_bytes = capacity_bytes
        self._readers: dict[str, list[Buffer]] = {}

    async def publish(self, topic: str, payload: bytes) -> None:
        """See the port."""
        for reader in self._readers.get(topic, ()):
            reader.offer(payload)

    @asynccontextmanager
    async def subscribe(self, topic: str) -> AsyncIterator[AsyncIterator[bytes | Lost]]:
        """See the port."""
        reader = Buffer(self._capacity, self._capacity_bytes)
        self._readers.setdefault(topic, []).append(reader)
        try:
            yield reader.read()
        finally:
            self._readers[topic].remove(reader)
            if not self._readers[topic]:
                del self._readers[topic]


class MemoryKeyValue:
    """`mesh.kv.KeyValue` of one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # Tuples, because most keys have one field, for which a dict costs three times as much.
        self._hashes: dict[str, tuple[tuple[str, bytes], ...]] = {}
        self._ends: dict[str, float] = {}
        self._sweep_at = 0.0

    async def put(self, key: str, field: str, value: bytes, ttl_s: float) -> None:
        """See the port."""
        self._sweep()
        fields = self._live(key)
        self._hashes[key] = (*(one for one in fields if one[0] != field), (field, value))
        self._prolong(key, ttl_s)

    async def swap(self, key: str, field: str, expected: bytes | None, value: bytes, ttl_s: float) -> bool:
        """See the port."""
        present = dict(self._live(key)).get(field)
        if present not in (expected, value):
            return False
        await self.put(key, field, value, ttl_s)
        return True

    async def remove(self, key: str, field: str, expected: bytes | None = None) -> None:
        """See the port."""
        fields = self._live(key)
        left = tuple(one for one in fields if one[0] != field or expected not in (None, one[1]))
        if left:
            self._hashes[key] = left
        else:
            self._drop(key)

    async def read(self, keys: Collection[str]) -> Mapping[str, Mapping[str, bytes]]:
        """See the port."""
        return {key: dict(fields) for key in keys if (fields := self._live(key))}

    async def touch(self, keys: Collection[str], ttl_s: float) -> list[str]:
        """See the port."""
        self._sweep()
        gone = [key for key in keys if not self._live(key)]
        for key in keys:
            if key in self._hashes:
                self._prolong(key, ttl_s)
        return gone

    def _live(self, key: str) -> tuple[tuple[str, bytes], ...]:
        if self._ends.get(key, 0.0) <= self._clock.monotonic():
            self._drop(key)
        return self._hashes.get(key, ())

    def _prolong(self, key: str, ttl_s: float) -> None:
        self._ends[key] = max(self._ends.get(key, 0.0), self._clock.monotonic() + ttl_s)

    def _drop(self, key: str) -> None:
        self._hashes.pop(key, None)
        self._ends.pop(key, None)

    def _sweep(self) -> None:
        """Drop what has ended, at most each minute: keys that nobody reads again would stay for ever."""
        now = self._clock.monotonic()
        if now < self._sweep_at:
            return
        self._sweep_at = now + 60.0
        for key in [key for key, end in self._ends.items() if end <= now]:
            self._drop(key)
