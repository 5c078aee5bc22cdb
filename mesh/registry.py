"""The registry: which nodes of a service are there. Pure Python; adapters are in mesh.infrastructure."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, order=True)
class Node:
    """One process of a service. `boot_id` is new each time it starts, so that what is meant for an earlier life of the
    same node does not reach the next one.
    """

    id: str
    boot_id: str
    address: str
    """`host:port` or `unix:path`; empty for a process that is not called."""


class Registry(Protocol):
    """Discovery by leases."""

    def register(self, service: str, node: Node) -> AbstractAsyncContextManager[None]:
        """Announce the node for as long as the context is open; its lease is kept alive by the adapter.

        A process that dies disappears when its lease ends, at most 10 seconds later. When the registry was away and
        comes back, the node is announced again.
        """

    def nodes(self, service: str) -> tuple[Node, ...]:
        """The nodes known now, sorted by id. An error never empties the list: the last known nodes stay.

        Only for services that are being watched; () for others.
        """

    def watch(self, service: str) -> AsyncIterator[tuple[Node, ...]]:
        """The nodes now, then after each change. Never ends by itself; a break of the connection is not visible."""
