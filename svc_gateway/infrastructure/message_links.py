"""`svc_gateway.domain.Upstream`: one link to each message node, followed by discovery."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

import grpc

from mesh import errors, status
from mesh.client import OPTIONS
from mesh.clock import Clock
from mesh.link import Accept, Dialled, Link, Wire, local_link
from mesh.registry import Node, Registry
from mesh.rendezvous import Rendezvous
from parley.gateway.v1.frame_pb2 import HeartbeatAck, ServerFrame
from parley.link.v1.link_service_pb2 import LinkResponse
from svc_gateway.application.hub import Hub

PATH: Final = "/parley.link.v1.LinkService/Link"


class MessageLinks:
    """Links to the message nodes that are there; a conversation's owner is chosen among them by rendezvous."""

    def __init__(
        self,
        registry: Registry,
        local: Mapping[str, Accept],
        token: Callable[[], str],
        hub: Hub,
        retry_unanswered: Callable[[], bytes],
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._local = local
        self._token = token
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
            raise errors.unavailable("SERVICE_UNAVAILABLE", "no message service is there", retry_after=0.5)
        return node.id

    def send(self, owner: str, request: bytes) -> None:
        """See the port."""
        for node, link in self._links.items():
            if node.id == owner:
                link.send(request)
                return
        raise errors.unavailable("SERVICE_UNAVAILABLE", "the message node has gone", retry_after=0.2)

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
        self._nodes = nodes

    def _open(self, node: Node) -> None:
        accept = self._local.get(node.id)
        if accept is not None:
            self._links[node] = local_link(accept, self._receive)
            return
        dialled = Dialled(lambda: _dial(node, self._token()), self._receive, self._lost, self._clock)
        self._links[node] = dialled
        self._tasks[node] = asyncio.create_task(dialled.run())

    def _drop(self, node: Node) -> None:
        del self._links[node]
        task = self._tasks.pop(node, None)
        if task is not None:
            task.cancel()
        self._lost()

    def _lost(self) -> None:
        """What was on a broken link is unknown: devices send it again, and the log tells what was there already."""
        for session in self._hub:
            session.in_flight = 0
            session.push(self._retry_unanswered())

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


class _Stream:
    """A gRPC stream as the wire of a link; its channel lives and ends with it."""

    def __init__(self, channel: grpc.aio.Channel, call: grpc.aio.StreamStreamCall[bytes, bytes]) -> None:
        self._channel = channel
        self._call = call

    async def read_bytes(self) -> bytes | None:
        try:
            message: object = await self._call.read()
        except grpc.aio.AioRpcError as error:
            await self._channel.close()
            raise status.decode(error) from error
        if isinstance(message, bytes):
            return message
        await self._channel.close()
        return None

    async def write_bytes(self, message: bytes) -> None:
        await self._call.write(message)


async def _dial(node: Node, token: str) -> Wire:
    channel = grpc.aio.insecure_channel(node.address, options=OPTIONS)
    call: grpc.aio.StreamStreamCall[bytes, bytes] = channel.stream_stream(PATH)(
        metadata=(("authorization", f"Bearer {token}"),)
    )
    try:
        await call.wait_for_connection()
    except grpc.aio.AioRpcError as error:
        await channel.close()
        raise status.decode(error) from error
    return _Stream(channel, call)
