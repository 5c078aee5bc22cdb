"""What goes to the topic of the one gateway."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from mesh import deliveries
from mesh.broker import topic_of
from mesh.deliveries import Delivered
from parley.event.v1.event_pb2 import NodeEvent
from tests.svc_message.world import World

T = TypeVar("T")


@asynccontextmanager
async def told(mesh: World, see: Callable[[Delivered], T]) -> AsyncIterator[list[T]]:
    """What is seen in each delivery that goes there meanwhile; those in which nothing is seen are left out."""
    [node] = mesh.backends.registry.nodes("gateway")
    seen = list[T]()

    async def listen(topic: AsyncIterator[object]) -> None:
        async for payload in topic:
            assert isinstance(payload, bytes)
            seen.extend(filter(None, map(see, deliveries.read(NodeEvent.FromString(payload).for_devices))))

    async with mesh.backends.broker.subscribe(topic_of(node)) as topic:
        listening = asyncio.create_task(listen(topic))
        yield seen
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
