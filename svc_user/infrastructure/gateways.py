"""Gateways as neighbours: they close the streams of sessions that end."""

import asyncio
import contextlib
from collections.abc import Collection, Sequence
from typing import Final

from mesh.broker import Broker, node_topic, topic_of
from mesh.errors import MeshError
from mesh.registry import Registry
from mesh.revocations import KeyValueRevocations
from mesh.route import nodes_of
from mesh.routes import Routes
from mesh.session_end import SessionEnd
from parley.event.v1.event_pb2 import NodeEvent, Revocation
from svc_user.domain.account import UserId
from svc_user.domain.session import Session, SessionId

SERVICE: Final = "gateway"

PATIENCE_S: Final = 1.0
"""How long a call waits until its hint is out: the change itself is committed already."""


class NodeGateways:
    """`svc_user.domain.ports.Gateways` and `Connections`, over the nodes' broker topics and the shared cache."""

    def __init__(self, routes: Routes, broker: Broker, registry: Registry, revocations: KeyValueRevocations) -> None:
        self._routes = routes
        self._broker = broker
        self._registry = registry
        self._revocations = revocations

    async def end(self, sessions: Sequence[Session], why: SessionEnd) -> None:
        """See the port."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                ids = [session.session_id for session in sessions]
                await asyncio.gather(self.record(ids), self._publish(sessions, why))

    async def watch(self) -> None:
        """Follow which gateways there are, for ever."""
        async for _ in self._registry.watch(SERVICE):
            pass

    async def record(self, session_ids: Sequence[SessionId]) -> None:
        """See the port."""
        with contextlib.suppress(MeshError):
            for session_id in session_ids:
                await self._revocations.revoke(session_id)

    async def devices(self, user_id: UserId) -> set[str]:
        """See `svc_user.domain.ports.Connections`."""
        try:
            routes = await self._routes.lookup((user_id,))
        except MeshError:
            return set()
        return {route.device for route in routes.get(user_id, ())}

    async def _publish(self, sessions: Sequence[Session], why: SessionEnd) -> None:
        revocations = [Revocation(user_id=one.user_id, session_id=one.session_id, end=int(why)) for one in sessions]
        payload = NodeEvent(revocations=revocations).SerializeToString()
        for topic in await self._topics({session.user_id for session in sessions}):
            with contextlib.suppress(MeshError):
                await self._broker.publish(topic, payload)

    async def _topics(self, users: Collection[str]) -> set[str]:
        """The topics of all gateways, which remember for a while who was alive, and of whoever else holds devices."""
        gateways = {topic_of(node) for node in self._registry.nodes(SERVICE)}
        try:
            routes = await self._routes.lookup(users)
        except MeshError:
            return gateways
        return gateways | {node_topic(*node) for found in routes.values() for node in nodes_of(found)}
