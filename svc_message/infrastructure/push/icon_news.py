"""Tell the other message nodes whose icon shows a number: one event for all that comes while the last one is said."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

import structlog

from mesh.broker import Broker, topic_of
from mesh.errors import MeshError
from mesh.registry import Node
from parley.event.v1.event_pb2 import IconChange, NodeEvent
from svc_message.domain.conversation import UserId

MAX_WAITING: Final = 10_000
"""Users who wait to be told of; of more nothing is said. A node that was not told leaves a number until the next post.
"""


class IconNews:
    """`others` are the nodes that are told. What they cannot be told is left out."""

    def __init__(self, broker: Broker, others: Callable[[], Iterable[Node]]) -> None:
        self._broker = broker
        self._others = others
        self._waiting: dict[UserId, bool] = {}
        self._wake = asyncio.Event()

    def say(self, user_id: UserId, numbered: bool) -> None:  # noqa: FBT001 - `Icons` gives it a place, no name
        """The icon of a user shows a number, or none any more. Never waits."""
        if len(self._waiting) < MAX_WAITING:
            self._waiting[user_id] = numbered
            self._wake.set()

    async def run(self) -> None:
        """Tell the others, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            waiting, self._waiting = self._waiting, {}
            changes = [IconChange(user_id=user_id, numbered=numbered) for user_id, numbered in waiting.items()]
            event = NodeEvent(icons=changes).SerializeToString()
            for node in self._others():
                await self._tell(node, event)

    async def _tell(self, node: Node, event: bytes) -> None:
        try:
            await self._broker.publish(topic_of(node), event)
        except MeshError as error:
            structlog.get_logger().warning("event_not_published", node=node.id, reason=error.reason)
