"""`parley.hook.v1.EventService`, implemented by the installation."""

from typing import Final

import grpc

from mesh.settings import Secret
from parley.hook.v1.event_pb2 import EventBatch
from parley.hook.v1.event_service_pb2 import TakeRequest
from parley.hook.v1.event_service_pb2_grpc import EventServiceStub
from svc_message.domain.outside.program import Away, Refused
from svc_message.infrastructure.outside.calls import bearer

LATER: Final = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.CANCELLED,
    }
)
"""Codes that say nothing about the events, by the contract."""


class EventCalls:
    """Calls one program."""

    def __init__(self, channel: grpc.aio.Channel, secret: Secret, deadline_s: float) -> None:
        self._stub = EventServiceStub(channel)
        self._metadata = bearer(secret)
        self._deadline_s = deadline_s

    async def take(self, batch: EventBatch) -> None:
        """Tell of events. Raises Away and Refused."""
        try:
            await self._stub.Take(TakeRequest(batch=batch), timeout=self._deadline_s, metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            code = error.code()
            raise Away(code.name) if code in LATER else Refused(code.name) from None
