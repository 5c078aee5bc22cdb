"""Message nodes as neighbours: they forget what they were told of two users between whom something changed."""

import asyncio
import contextlib
from typing import Final

from mesh.broker import Broker, topic_of
from mesh.errors import MeshError
from mesh.registry import Registry
from parley.event.v1.event_pb2 import ContactChange, NodeEvent
from svc_user.domain.account import UserId

SERVICE: Final = "message"

PATIENCE_S: Final = 1.0
"""How long a call waits until its hint is out: the change itself is committed already."""


class MessageNodeTopics:
    """`svc_user.domain.ports.MessageNodes` over the nodes' broker topics."""

    def __init__(self, broker: Broker, registry: Registry) -> None:
        self._broker = broker
        self._registry = registry

    async def contact_changed(self, one: UserId, other: UserId) -> None:
        """See the port."""
        payload = NodeEvent(contacts=[ContactChange(user_id=one, other_id=other)]).SerializeToString()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                for node in self._registry.nodes(SERVICE):
                    with contextlib.suppress(MeshError):
                        await self._broker.publish(topic_of(node), payload)

    async def watch(self) -> None:
        """Follow which message nodes there are, for ever."""
        async for _ in self._registry.watch(SERVICE):
            pass
