"""`svc_gateway.domain.Upstream`: one link to each message node, followed by discovery."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from mesh import errors
from mesh.client import Channels
from mesh.clock import Clock
from mesh.link import Accept, Dialled, Link, local_link
from mesh.registry import Node, Registry
from mesh.rendezvous import Rendezvous
from parley.gateway.v1.frame_pb2 import HeartbeatAck, ServerFrame
from parley.link.v1.link_service_pb2 import LinkResponse
from svc_gateway.application.hub import Hub
from svc_gateway.domain import Reason

PATH: Final = "/parley.link.v1.LinkService/Link"


class MessageLinks:
    """Links to the message nodes; a conversation's owner is chosen by rendezvous among those whose link is up.

    A node that was killed or cannot be reached owns nothing from that moment on, however long it is still listed. It
    does no harm that gateways differ for a while: two nodes may write to one log.
    """

    def __init__(
        self,
        registry: Registry,
        local: Mapping[str, Accept],
        channels: Channels,
        hub: Hub,
        retry_unanswered: Callable[[int], bytes],
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._local = local
        self._channels = channels
        self._hub = hub
        self._retry_unanswered = retry_unanswered
        self._clock = clock
        self._rendezvous = Rendezvous()
        self._nodes: tuple[Node, ...] = ()
        self._links: dict[Node, Link] = {}
        self._tasks: dict[Node, asyncio.Task[None]] = {}

    def owner(self, key: str) -> str:
        """See the port."""
        node = self._rendezvous.owner(self._nodes, key)
        if node is None:
            raise errors.unavailable(Reason.SERVICE_UNAVAILABLE, "no message service is there", retry_after=0.5)
        return node.id

    def send(self, owner: str, request: bytes) -> None:
        """See the port."""
        for node, link in self._links.items():
            if node.id == owner:
                link.send(request)
                return
        raise errors.unavailable(Reason.SERVICE_UNAVAILABLE, "the message node has gone", retry_after=0.2)

    async def run(self) -> None:
        """Follow the message nodes, for ever."""
        try:
            async for nodes in self._registry.watch("message"):
                self._follow(nodes)
        finally:
            for task in self._tasks.values():
                task.cancel()

    def _follow(self, nodes: tuple[Node, ...]) -> None:
        for gone in self._links.keys() - set(nodes):
            self._drop(gone)
        for node in nodes:
            if node not in self._links:
                self._open(node)

    def _open(self, node: Node) -> None:
        accept = self._local.get(node.id)
        if accept is not None:
            self._links[node] = local_link(accept, self._receive)
            self._reached(node)
            return
        dial = partial(self._channels.dial, node.address, PATH)
        dialled = Dialled(dial, self._receive, partial(self._reached, node), partial(self._lost, node), self._clock)
        self._links[node] = dialled
        self._tasks[node] = asyncio.create_task(dialled.run())

    def _drop(self, node: Node) -> None:
        del self._links[node]
        task = self._tasks.pop(node, None)
        if task is not None:
            task.cancel()
        self._lost(node)

    def _reached(self, node: Node) -> None:
        """Let a node have its share. Whoever waits for an answer of the owner before it says all of that again: what
        comes now must not overtake it.
        """
        self._nodes = (*self._nodes, node)
        for session in self._hub:
            if session.in_flight:
                session.retry(self._retry_unanswered)

    def _lost(self, node: Node) -> None:
        """What was on a broken link is unknown: devices send it again, and the log tells what was there already."""
        if node not in self._nodes:
            return
        self._nodes = tuple(one for one in self._nodes if one != node)
        for session in self._hub:
            session.retry(self._retry_unanswered)

    def _receive(self, batch: bytes) -> None:
        for one in LinkResponse.FromString(batch).frames:
            session = self._hub.by_ref(one.ref)
            if session is None:
                continue
            if one.stale:
                session.push(STALE)
            else:
                session.answer(one.frame, settled=one.settled, entries=one.entries)


STALE: Final = ServerFrame(heartbeat=HeartbeatAck(stale=True)).SerializeToString()
"""Tells a device that it lacks something."""
