"""`svc_message.domain.ports.Outgoing`: deliveries to the topics of the nodes that hold the devices."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import structlog

from mesh import wire
from mesh.broker import Broker, node_topic
from mesh.errors import MeshError
from mesh.registry import Registry
from mesh.routes import HOLDERS, Route, Routes, nodes_of
from parley.ai.v1.reply_pb2 import ReplyEvent
from parley.conversation.v1.conversation_pb2 import Receipt
from parley.event.v1.event_pb2 import Delivery as Event
from parley.event.v1.event_pb2 import NodeEvent
from parley.gateway.v1.frame_pb2 import ServerFrame, Typing
from svc_message.domain.ports import Delivery

NodeKey = tuple[str, str]


class NodeTopics:
    """Finds the nodes of an audience in one read a batch, and publishes one message a node."""

    def __init__(self, routes: Routes, broker: Broker, registry: Registry) -> None:
        self._routes = routes
        self._broker = broker
        self._registry = registry

    async def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """See the port."""
        users = {user_id for delivery in deliveries for user_id in delivery.audience}
        found = await self._find(users)
        batches: dict[NodeKey, list[bytes]] = defaultdict(list)
        for delivery in deliveries:
            frame, entries = _frame(delivery)
            for node, present in self._split(delivery.audience, found).items():
                batches[node].append(_event(delivery, frame, entries, present))
        for (node_id, boot_id), events in batches.items():
            await self._publish(node_topic(node_id, boot_id), b"".join(events))

    async def _find(self, users: Collection[str]) -> Mapping[str, tuple[Route, ...]] | None:
        """Routes of the users; None when the cache is away."""
        try:
            return await self._routes.lookup(users)
        except MeshError:
            return None

    def _split(
        self, audience: Collection[str], found: Mapping[str, tuple[Route, ...]] | None
    ) -> Mapping[NodeKey, list[str]]:
        """The audience by node; when the routes are away, all of it to every node that is alive."""
        if found is None:
            alive = [(node.id, node.boot_id) for node in self._registry.nodes(HOLDERS)]
            return {node: list(audience) for node in alive}
        present: dict[NodeKey, list[str]] = defaultdict(list)
        for user_id in audience:
            for node in nodes_of(found.get(user_id, ())):
                present[node].append(user_id)
        return present

    async def _publish(self, topic: str, payload: bytes) -> None:
        try:
            await self._broker.publish(topic, payload)
        except MeshError as error:
            structlog.get_logger().warning("delivery_not_published", topic=topic, reason=error.reason)


def _frame(delivery: Delivery) -> tuple[bytes, int]:
    """The frame that the devices get, encoded once for all of them, and how many entries it carries."""
    if delivery.entry:
        return wire.field(ServerFrame.ENTRIES_FIELD_NUMBER, delivery.entry), 1
    return _signal(delivery).SerializeToString(), 0


def _signal(delivery: Delivery) -> ServerFrame:
    if delivery.receipt is not None:
        mark = delivery.receipt
        receipt = Receipt(
            conversation_id=mark.conversation_id,
            user_id=mark.user_id,
            read_seq=mark.read_seq,
            received_seq=mark.received_seq,
        )
        return ServerFrame(receipts=[receipt])
    if delivery.typing is not None:
        signal = delivery.typing
        typing = Typing(conversation_id=signal.conversation_id, user_id=signal.user_id, stopped=signal.stopped)
        return ServerFrame(typing=[typing])
    return ServerFrame(replies=[ReplyEvent.FromString(delivery.reply)])


def _event(delivery: Delivery, frame: bytes, entries: int, user_ids: list[str]) -> bytes:
    event = Event(
        frame=frame,
        user_ids=user_ids,
        except_device_id=delivery.except_device,
        entries=entries,
        conversation_id=delivery.conversation_id,
    )
    return NodeEvent(deliveries=[event]).SerializeToString()
