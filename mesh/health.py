"""grpc.health.v1 over the same runtime: what load balancers and probes ask."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, cast

from grpc_health.v1.health_pb2 import DESCRIPTOR, HealthCheckRequest, HealthCheckResponse

from mesh import errors

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.descriptor import ServiceDescriptor

    from mesh.caller import Caller
    from mesh.stream import Stream

SERVICE: Final = cast("ServiceDescriptor", DESCRIPTOR.services_by_name["Health"])
WHOLE_PROCESS: Final = ""

CHECK: Final = "/grpc.health.v1.Health/Check"
WATCH: Final = "/grpc.health.v1.Health/Watch"


class Health:
    """Whether this process takes calls: one answer for it and all of its services. Starts as not serving."""

    def __init__(self) -> None:
        self._services = {WHOLE_PROCESS}
        self._changed = asyncio.Event()
        self.serving = False

    def add(self, services: Iterable[str]) -> None:
        """Answer for these services too."""
        self._services.update(services)

    def knows(self, service: str) -> bool:
        """Whether this service is one of the process."""
        return service in self._services

    def set(self, *, serving: bool) -> None:
        """Say whether calls are welcome, and wake everyone who watches."""
        self.serving = serving
        self._changed.set()
        self._changed = asyncio.Event()

    async def change(self) -> None:
        """Wait for the next change."""
        await self._changed.wait()


class HealthServicer:
    """The RPCs of grpc.health.v1.Health."""

    def __init__(self, health: Health) -> None:
        self._health = health

    async def check(self, request: HealthCheckRequest, caller: Caller) -> HealthCheckResponse:  # noqa: ARG002  the same for every caller
        """Answer once; NOT_FOUND for a service that is not here."""
        if not self._health.knows(request.service):
            raise errors.not_found("", "no such service")
        return HealthCheckResponse(status=self._status(request.service))

    async def watch(self, request: HealthCheckRequest, stream: Stream, caller: Caller) -> None:  # noqa: ARG002  as above
        """Answer now and at each change, until the client goes."""
        last: int | None = None
        while True:
            # Nothing is awaited between looking at the status and waiting for its change, unless it is written;
            # then the loop looks again before it waits.
            status = self._status(request.service)
            if status == last:
                await self._health.change()
                continue
            await stream.write(HealthCheckResponse(status=status))
            last = status

    def _status(self, service: str) -> int:
        if not self._health.knows(service):
            return HealthCheckResponse.SERVICE_UNKNOWN
        return HealthCheckResponse.SERVING if self._health.serving else HealthCheckResponse.NOT_SERVING
