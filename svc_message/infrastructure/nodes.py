"""`svc_message.domain.ports.Outgoing`: deliveries to the topics of the nodes that hold the devices."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

import structlog

from mesh import wire
from mesh.broker import Broker, node_topic
from mesh.errors import MeshError
from mesh.registry import Registry
from mesh.route import Route, nodes_of
from mesh.route_memory import RouteMemory
from mesh.routes import HOLDERS
from parley.ai.v1.reply_pb2 import ReplyEvent
from parley.conversation.v1.conversation_pb2 import Receipt
from parley.event.v1.event_pb2 import Delivery as Event
from parley.event.v1.event_pb2 import DeliveryPart, NodeEvent
from parley.gateway.v1.frame_pb2 import ServerFrame, Typing
from svc_message.domain.conversation import UserId
from svc_message.domain.ports import Delivery, Mark

NodeKey = tuple[str, str]

Unreached = Callable[[Sequence[Delivery], AbstractSet[UserId]], None]
"""Told which deliveries had users without any device, and which users these were. It must not wait."""


class NodeTopics:
    """Finds the nodes of an audience in one read a batch, and publishes one message a node."""

    def __init__(
        self, routes: RouteMemory, broker: Broker, registry: Registry, unreached: Unreached | None = None
    ) -> None:
        self._routes = routes
        self._broker = broker
        self._registry = registry
        self._unreached = unreached

    async def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """See the port."""
        users = {user_id for delivery in deliveries for user_id in delivery.audience}
        found = await self._find(users)
        if self._unreached is not None and found is not None and len(found) < len(users):
            self._unreached(deliveries, users - found.keys())
        batches: dict[NodeKey, list[bytes]] = defaultdict(list)
        for group in _groups(deliveries):
            first, parts = group[0], b"".join([_part(delivery) for delivery in group])
            for node, present in self._split(first.audience, found).items():
                batches[node].append(_event(first.conversation_id, present, parts))
        publishing = [self._publish(node_topic(*node), b"".join(events)) for node, events in batches.items()]
        if len(publishing) == 1:  # a task costs more than a publication in this process
            await publishing[0]
        else:  # a topic that is away must not hold up the others
            await asyncio.gather(*publishing)

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


def _groups(deliveries: Iterable[Delivery]) -> list[list[Delivery]]:
    """Deliveries of one conversation to the same users together, in their order: their users are written down once.

    Signals stand alone, since they are dropped where entries are not.
    """
    groups: list[list[Delivery]] = []
    open_: dict[str, list[Delivery]] = {}
    for delivery in deliveries:
        group = open_.get(delivery.conversation_id)
        if group and delivery.entries and group[0].entries and group[0].audience is delivery.audience:
            group.append(delivery)
        else:
            open_[delivery.conversation_id] = group = [delivery]
            groups.append(group)
    return groups


def _part(delivery: Delivery) -> bytes:
    """A part of an event: the frame that the devices get, encoded once for all of them."""
    part = DeliveryPart(
        frame=_frame(delivery), except_device_id=delivery.except_device, entries=len(delivery.entries)
    ).SerializeToString()
    return wire.field(Event.PARTS_FIELD_NUMBER, part)


def _frame(delivery: Delivery) -> bytes:
    if delivery.entries:
        return wire.repeated(ServerFrame.ENTRIES_FIELD_NUMBER, delivery.entries)
    return _signal(delivery).SerializeToString()


def _signal(delivery: Delivery) -> ServerFrame:
    if delivery.receipts:
        return ServerFrame(receipts=map(_receipt, delivery.receipts))
    if delivery.typing is not None:
        signal = delivery.typing
        typing = Typing(conversation_id=signal.conversation_id, user_id=signal.user_id, stopped=signal.stopped)
        return ServerFrame(typing=[typing])
    return ServerFrame(replies=[ReplyEvent.FromString(delivery.reply)])


def _receipt(mark: Mark) -> Receipt:
    return Receipt(
        conversation_id=mark.conversation_id,
        user_id=mark.user_id,
        read_seq=mark.read_seq,
        received_seq=mark.received_seq,
    )


def _event(conversation_id: str, user_ids: list[str], parts: bytes) -> bytes:
    """An event with one delivery; events are joined by putting one behind the other."""
    head = Event(user_ids=user_ids, conversation_id=conversation_id).SerializeToString()
    return wire.field(NodeEvent.DELIVERIES_FIELD_NUMBER, head + parts)
