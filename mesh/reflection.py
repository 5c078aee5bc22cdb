"""grpc.reflection.v1alpha over the same runtime, so that tools such as grpcurl can read the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from grpc_reflection.v1alpha._async import ReflectionServicer
from grpc_reflection.v1alpha.reflection_pb2 import DESCRIPTOR, ServerReflectionRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from google.protobuf.descriptor import ServiceDescriptor

    from mesh.caller import Caller
    from mesh.stream import Stream

SERVICE: Final = cast("ServiceDescriptor", DESCRIPTOR.services_by_name["ServerReflection"])


class Reflection:
    """Answers what the contract says about these services."""

    def __init__(self, services: Iterable[str]) -> None:
        self._answers = ReflectionServicer(tuple(services))

    async def server_reflection_info(self, stream: Stream, caller: Caller) -> None:  # noqa: ARG002  the same for every caller
        """Answer each question until the client asks no more."""
        # The stubs call it a coroutine; it is an asynchronous generator.
        answers: Any = self._answers.ServerReflectionInfo(_questions(stream), None)
        async for answer in answers:
            await stream.write(answer)


async def _questions(stream: Stream) -> AsyncIterator[ServerReflectionRequest]:
    while (question := await stream.read(ServerReflectionRequest)) is not None:
        yield question
