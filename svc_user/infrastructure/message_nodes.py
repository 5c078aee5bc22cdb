"""Message nodes and gateways as neighbours: they forget what they were told of users for whom something changed."""

import asyncio
import contextlib
from typing import Final

from mesh.broker import Broker, topic_of
from mesh.errors import MeshError
from mesh.registry import Registry
from parley.event.v1.event_pb2 import ContactChange, NodeEvent
from svc_user.domain.account import UserId

SERVICES: Final = ("message", "gateway")
"""Who remembers what users may do to each other: who may write, and who sees whom."""

PATIENCE_S: Final = 1.0
"""How long a call waits until its hint is out: the change itself is committed already."""


class MessageNodeTopics:
    """`svc_user.domain.ports.MessageNodes` over the nodes' broker topics."""

    def __init__(self, broker: Broker, registry: Registry) -> None:
        self._broker = broker
        self._registry = registry

    async def contact_changed(self, one: UserId, other: UserId) -> None:
        """See the port."""
        await self._tell(ContactChange(user_id=one, other_id=other))

    async def settings_changed(self, user_id: UserId) -> None:
        """See the port."""
        await self._tell(ContactChange(user_id=user_id))

    async def watch(self) -> None:
        """Follow which message nodes there are, for ever. Gateways are followed by `NodeGateways`."""
        async for _ in self._registry.watch(SERVICES[0]):
            pass

    async def _tell(self, change: ContactChange) -> None:
        payload = NodeEvent(contacts=[change]).SerializeToString()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                for topic in {topic_of(node) for service in SERVICES for node in self._registry.nodes(service)}:
                    with contextlib.suppress(MeshError):
                        await self._broker.publish(topic, payload)
