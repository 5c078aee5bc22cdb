"""What comes on the topic of this node: hints where an assistant may be asked something."""

from collections.abc import AsyncIterator, Callable, Collection
from typing import Protocol

from google.protobuf.message import DecodeError

from mesh import deliveries
from mesh.broker import Broker, Lost
from parley.event.v1 import event_pb2


class Hinted(Protocol):
    """Who acts on hints."""

    def hint(self, user_ids: Collection[str], conversation_id: str) -> None:
        """Something may be new in this conversation for these users."""


class Consumer:
    """Reads the node's topic. A message that is no event is passed over, so that it stops nothing."""

    def __init__(self, broker: Broker, topic: str, hinted: Hinted, lost: Callable[[], None]) -> None:
        """`lost` is called when messages were dropped: only a comparison with the logs finds what they told of."""
        self._broker = broker
        self._topic = topic
        self._hinted = hinted
        self._lost = lost

    async def run(self) -> None:
        """Read, for ever."""
        async with self._broker.subscribe(self._topic) as messages:
            await self._read(messages)

    async def _read(self, messages: AsyncIterator[bytes | Lost]) -> None:
        async for message in messages:
            if isinstance(message, Lost):
                self._lost()
            else:
                self._take(message)

    def _take(self, payload: bytes) -> None:
        try:
            event = event_pb2.NodeEvent.FromString(payload)
            delivered = deliveries.read(event.for_devices)
        except (DecodeError, ValueError):
            return
        for conversation_id, user_ids, parts in delivered:
            if any(part.entries for part in parts):
                self._hinted.hint(user_ids, conversation_id)
