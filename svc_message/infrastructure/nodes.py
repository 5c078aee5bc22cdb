"""`svc_message.domain.ports.Outgoing`: deliveries to the topics of the nodes that hold the devices."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

import structlog

from mesh import wire
from mesh.broker import Broker, node_topic
from mesh.deliveries import Columns
from mesh.errors import MeshError
from mesh.part import Part
from mesh.registry import Registry
from mesh.route import NodeKey, Reach
from mesh.route_memory import RouteMemory
from mesh.routes import HOLDERS
from parley.ai.v1.reply_pb2 import ReplyEvent
from parley.conversation.v1.conversation_pb2 import Receipt
from parley.gateway.v1.frame_pb2 import ServerFrame, Typing
from svc_message.domain.conversation import UserId
from svc_message.domain.ports import Delivery, Mark

NOWHERE: Final = Reach(())

Unreached = Callable[[Sequence[Delivery], AbstractSet[UserId]], None]
"""Told which deliveries had users without any device, and which users these were or may be. It must not wait."""


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
        if self._unreached is not None and (found is None or len(found) < len(users)):
            # While nobody knows where they are, all of them may be away: who is told looks once more.
            self._unreached(deliveries, users - (found or {}).keys())
        batches = _by_node(deliveries, self._everywhere(users) if found is None else found)
        publishing = [self._publish(node_topic(*node), batch.encode()) for node, batch in batches.items()]
        if len(publishing) == 1:  # a task costs more than a publication in this process
            await publishing[0]
        else:  # a topic that is away must not hold up the others
            await asyncio.gather(*publishing)

    async def _find(self, users: Collection[str]) -> Mapping[str, Reach] | None:
        """How the users are reached; None when the cache is away."""
        try:
            return await self._routes.lookup(users)
        except MeshError:
            return None

    def _everywhere(self, users: Collection[str]) -> Mapping[str, Reach]:
        """Through every node that is alive."""
        alive = tuple((node.id, node.boot_id) for node in self._registry.nodes(HOLDERS))
        return dict.fromkeys(users, Reach(alive))

    async def _publish(self, topic: str, payload: bytes) -> None:
        try:
            await self._broker.publish(topic, payload)
        except MeshError as error:
            structlog.get_logger().warning("delivery_not_published", topic=topic, reason=error.reason)


def _by_node(deliveries: Iterable[Delivery], reach: Mapping[str, Reach]) -> Mapping[NodeKey, Columns]:
    """What each node is to deliver."""
    batches: dict[NodeKey, Columns] = defaultdict(Columns)
    for first, parts in _groups(deliveries):
        for node, present in _split(first.audience, _source(parts), reach).items():
            batches[node].add(first.conversation_id, present, parts)
    return batches


def _split(audience: Iterable[str], source: str, reach: Mapping[str, Reach]) -> Mapping[NodeKey, list[str]]:
    """The audience by node, without the user who has no device but the one that this comes from."""
    present: dict[NodeKey, list[str]] = {}
    for user_id in audience:
        nodes, only_device = reach.get(user_id, NOWHERE)
        if only_device != source or not source:
            for node in nodes:
                present.setdefault(node, []).append(user_id)
    return present


def _source(parts: Sequence[Part]) -> str:
    """The device that all of them come from; empty when there are several."""
    first = parts[0].except_device
    return first if len(parts) == 1 or all(part.except_device == first for part in parts) else ""


def _groups(deliveries: Iterable[Delivery]) -> list[tuple[Delivery, list[Part]]]:
    """Deliveries of one conversation to the same users as parts of the first, in their order: the users are written
    down once.

    Signals stand alone, since they are dropped where entries are not.
    """
    groups: list[tuple[Delivery, list[Part]]] = []
    open_: dict[str, tuple[Delivery, list[Part]]] = {}
    for delivery in deliveries:
        part = Part(_frame(delivery), len(delivery.entries), delivery.except_device)
        group = open_.get(delivery.conversation_id)
        if group and part.entries and group[0].entries and group[0].audience is delivery.audience:
            group[1].append(part)
        else:
            open_[delivery.conversation_id] = group = delivery, [part]
            groups.append(group)
    return groups


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
