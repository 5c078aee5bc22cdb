"""`svc_gateway.domain.Nodes`: words for other gateways, on their topics."""

from collections.abc import Sequence

import structlog

from mesh.broker import Broker, node_topic
from mesh.errors import MeshError
from parley.event.v1.event_pb2 import Eviction, NodeEvent, PresenceChange


class NodeTopics:
    """Publishes to the topics of nodes."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def evict(self, node: str, boot_id: str, user_id: str, device_id: str, epoch: int) -> None:
        """See the port."""
        event = NodeEvent(evictions=[Eviction(user_id=user_id, device_id=device_id, epoch=epoch)])
        await self._publish(node, boot_id, event)

    async def presence(self, nodes: Sequence[tuple[str, str]], user_id: str, *, online: bool, seen_ms: int) -> None:
        """See the port."""
        event = NodeEvent(presences=[PresenceChange(user_id=user_id, online=online, seen_ms=seen_ms)])
        for node, boot_id in nodes:
            await self._publish(node, boot_id, event)

    async def _publish(self, node: str, boot_id: str, event: NodeEvent) -> None:
        try:
            await self._broker.publish(node_topic(node, boot_id), event.SerializeToString())
        except MeshError as error:
            structlog.get_logger().warning("event_not_published", node=node, reason=error.reason)
