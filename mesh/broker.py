"""The broker: hints between nodes. Pure Python; adapters are in mesh.infrastructure.

A message may be lost, repeated or come out of order, above all when the broker breaks.
Whoever reads heals from the log.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from mesh.registry import Node

MAX_BUFFERED: Final = 10_000
"""Messages that wait for a slow reader; then the oldest are dropped and the reader is told how many."""

MAX_BUFFERED_BYTES: Final = 64 * 1024 * 1024
"""The same in bytes; whichever is reached first."""


@dataclass(frozen=True, slots=True)
class Lost:
    """In place of messages that were dropped: the reader makes its devices compare with the log."""

    count: int
    """How many; 0 when that is not known, as after the connection to the broker broke."""


class Broker(Protocol):
    """Topics of bytes."""

    async def publish(self, topic: str, payload: bytes) -> None:
        """Hand a message over. Waits for no reader; a topic without one swallows it. Messages of one publisher to one
        topic keep their order while nothing breaks. UNAVAILABLE when the broker does not take it.
        """

    def subscribe(self, topic: str) -> AbstractAsyncContextManager[AsyncIterator[bytes | Lost]]:
        """Read a topic from now on; what was published before is not seen. Breaks of the connection heal inside, and
        the reader gets a `Lost`. A slow reader never makes a publisher wait. One reader for each subscription.
        """


def node_topic(node_id: str, boot_id: str) -> str:
    """The topic that one life of one node reads."""
    return f"node-{node_id}-{boot_id}"


def topic_of(node: Node) -> str:
    """The topic that this node reads."""
    return node_topic(node.id, node.boot_id)
