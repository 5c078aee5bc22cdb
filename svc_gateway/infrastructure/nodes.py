"""`svc_gateway.domain.Nodes`: words for other nodes, on their topics."""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from mesh.broker import Broker, node_topic
from mesh.errors import MeshError
from mesh.registry import Registry
from parley.event.v1.event_pb2 import Eviction, NodeEvent, PresenceChange
from svc_gateway.domain import Seen

MAX_MOVED: Final = 10_000
"""Users in one event: about 200 kB."""


class NodeTopics:
    """Publishes to the topics of nodes."""

    def __init__(self, broker: Broker, registry: Registry) -> None:
        self._broker = broker
        self._registry = registry
        self._moved: list[str] = []
        self._telling: asyncio.Task[None] | None = None

    def moved(self, user_id: str) -> None:
        """See the port."""
        self._moved.append(user_id)
        if self._telling is None:
            self._telling = asyncio.create_task(self._tell_moved())

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

    async def _tell_moved(self) -> None:
        """All who have come in the meantime go together."""
        try:
            while self._moved:
                users, self._moved = self._moved[:MAX_MOVED], self._moved[MAX_MOVED:]
                for node in self._registry.nodes("message"):
                    await self._publish(node.id, node.boot_id, NodeEvent(moved=users))
        finally:
            self._telling = None

    async def _publish(self, node: str, boot_id: str, event: NodeEvent) -> None:
        try:
            await self._broker.publish(node_topic(node, boot_id), event.SerializeToString())
        except MeshError as error:
            structlog.get_logger().warning("event_not_published", node=node, reason=error.reason)
