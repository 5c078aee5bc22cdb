"""What this node's own topic says: who has changed, so that what is known of them is asked again."""

from collections.abc import AsyncIterator, Callable, Sequence

import structlog
from google.protobuf.message import DecodeError

from mesh.broker import Broker, Lost
from mesh.route_memory import RouteMemory
from parley.event.v1.event_pb2 import NodeEvent
from svc_message.application.doubts import Doubts
from svc_message.application.push.icons import Icons
from svc_message.domain.conversation import UserId


class Consumer:
    """Reads one topic. It never ends because of what it reads."""

    def __init__(
        self,
        broker: Broker,
        topic: str,
        doubts: Doubts,
        routes: RouteMemory,
        left: Callable[[Sequence[str]], None] | None = None,
        icons: Icons | None = None,
    ) -> None:
        self._broker = broker
        self._topic = topic
        self._doubts = doubts
        self._routes = routes
        self._left = left
        self._icons = icons

    async def run(self) -> None:
        """Read for ever."""
        async with self._broker.subscribe(self._topic) as events:
            await self._read(events)

    async def _read(self, events: AsyncIterator[bytes | Lost]) -> None:
        async for event in events:
            if isinstance(event, Lost):
                self._doubts.add_all()
                self._routes.forget_all()
            else:
                self._take(event)

    def _take(self, payload: bytes) -> None:
        try:
            event = NodeEvent.FromString(payload)
        except DecodeError:
            structlog.get_logger().warning("event_unreadable", topic=self._topic, bytes=len(payload))
            return
        for change in event.contacts:
            if change.other_id:
                self._doubts.add_pair(change.user_id, change.other_id)
            else:
                self._doubts.add(change.user_id)
        if event.moved:
            self._routes.forget(event.moved)
        if self._icons is not None:
            for icon in event.icons:
                self._icons.heard(UserId(icon.user_id), numbered=icon.numbered)
        if event.left:
            self._routes.forget(event.left)
            if self._left is not None:
                self._left(event.left)
