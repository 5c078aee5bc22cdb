"""Users whose gateway has died: their message nodes are told that they left, as the gateway would have said."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from mesh.broker import Broker, topic_of
from mesh.clock import Clock
from mesh.errors import MeshError
from mesh.registry import Node
from parley.event.v1.event_pb2 import NodeEvent
from svc_message.application.push.tell import RETRY_S

MAX_WAITING: Final = 200_000
"""Users who wait to be told of: as many as are remembered to be anywhere. More are left out."""

SOME: Final = 10_000
"""Users in one event: about 200 kB."""


class Stranded:
    """Each node tells of those to whom it may have sent something; `owner` is who looks at what a user missed."""

    def __init__(self, broker: Broker, owner: Callable[[str], Node], clock: Clock) -> None:
        self._broker = broker
        self._owner = owner
        self._clock = clock
        self._waiting: dict[str, None] = {}
        self._wake = asyncio.Event()

    def tell(self, user_ids: Sequence[str]) -> None:
        """The gateway of these users has died. Never waits."""
        self._waiting |= dict.fromkeys(user_ids[: MAX_WAITING - len(self._waiting)])
        self._wake.set()

    async def run(self) -> None:
        """Tell of them for ever, and again of those of whom it could not be told."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                waiting, self._waiting = list(self._waiting), {}
                for node, users in self._by_owner(waiting).items():
                    await self._say(node, users)
                if self._waiting:
                    await self._clock.sleep(RETRY_S)

    def _by_owner(self, user_ids: Sequence[str]) -> dict[Node, list[str]]:
        found: dict[Node, list[str]] = defaultdict(list)
        for user_id in user_ids:
            found[self._owner(user_id)].append(user_id)
        return found

    async def _say(self, node: Node, user_ids: Sequence[str]) -> None:
        for start in range(0, len(user_ids), SOME):
            some = user_ids[start : start + SOME]
            try:
                await self._broker.publish(topic_of(node), NodeEvent(left=some).SerializeToString())
            except MeshError as error:
                structlog.get_logger().warning("event_not_published", node=node.id, reason=error.reason)
                self.tell(some)
