"""`svc_gateway.domain.Nodes`: words for other nodes, on their topics."""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from mesh.broker import Broker, node_topic
from mesh.errors import MeshError
from mesh.registry import Node, Registry
from parley.event.v1.event_pb2 import Eviction, NodeEvent, PresenceChange
from svc_gateway.domain import Seen

MAX_MOVED: Final = 10_000
"""Users in one event: about 200 kB."""

MAX_UNTOLD: Final = 50_000
"""Users of whom a node has to be told that they left, while its topic is away; of more it is not told."""

AGAIN_S: Final = 1.0
"""When a node is told again what its topic did not take."""


class NodeTopics:
    """Publishes to the topics of nodes."""

    def __init__(self, broker: Broker, registry: Registry) -> None:
        self._broker = broker
        self._registry = registry
        self._moved: list[str] = []
        self._left: list[str] = []
        self._untold: dict[Node, list[str]] = {}
        """Who has left, for nodes that could not be told. Nothing else would ever say it, as it does who came."""
        self._due: dict[Node, list[str]] = {}
        self._later: asyncio.TimerHandle | None = None
        self._telling: asyncio.Task[None] | None = None

    def moved(self, user_id: str) -> None:
        """See the port."""
        self._moved.append(user_id)
        self._tell_soon()

    def left(self, user_id: str) -> None:
        """See the port."""
        self._left.append(user_id)
        self._tell_soon()

    def _tell_soon(self) -> None:
        if self._telling is None:
            self._telling = asyncio.create_task(self._tell())

    async def evict(self, node: str, boot_id: str, user_id: str, device_id: str, epoch: int) -> None:
        """See the port."""
        event = NodeEvent(evictions=[Eviction(user_id=user_id, device_id=device_id, epoch=epoch)])
        await self._publish(node, boot_id, event)

    async def presence(self, nodes: Sequence[tuple[str, str]], user_id: str, seen: Seen, seen_ms: int) -> None:
        """See the port."""
        online, away = seen is not Seen.OFFLINE, seen is Seen.AWAY
        event = NodeEvent(presences=[PresenceChange(user_id=user_id, online=online, away=away, seen_ms=seen_ms)])
        for node, boot_id in nodes:
            await self._publish(node, boot_id, event)

    async def _tell(self) -> None:
        """All who have come and gone in the meantime go together."""
        try:
            while self._moved or self._left or self._due:
                moved, self._moved = self._moved[:MAX_MOVED], self._moved[MAX_MOVED:]
                left, self._left = self._left[:MAX_MOVED], self._left[MAX_MOVED:]
                due, self._due = self._due, {}
                for node in self._registry.nodes("message"):
                    await self._tell_one(node, moved, [*due.get(node, ()), *left])
        finally:
            self._telling = None

    async def _tell_one(self, node: Node, moved: Sequence[str], left: Sequence[str]) -> None:
        if not moved and not left:
            return
        told = await self._publish(node.id, node.boot_id, NodeEvent(moved=moved, left=left))
        if left and not told:
            self._untold[node] = [*self._untold.get(node, ()), *left][:MAX_UNTOLD]
            self._later = self._later or asyncio.get_running_loop().call_later(AGAIN_S, self._tell_again)

    def _tell_again(self) -> None:
        self._later = None
        self._due, self._untold = self._untold, {}
        self._tell_soon()

    async def _publish(self, node: str, boot_id: str, event: NodeEvent) -> bool:
        try:
            await self._broker.publish(node_topic(node, boot_id), event.SerializeToString())
        except MeshError as error:
            structlog.get_logger().warning("event_not_published", node=node, reason=error.reason)
            return False
        return True
