"""Connections to the nodes of one service: calls go to each in turn, and around those that are away."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import itertools
import random
from typing import TYPE_CHECKING, Final

from grpc_health.v1.health_pb2 import HealthCheckResponse

from mesh.dial import DIAL_S
from mesh.errors import Code
from mesh.health import CHECK
from mesh.http2.asking import Failed, NotBegun

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from mesh.http2.client import Client, Dialler
    from mesh.http2.headers import Metadata

FIRST_PAUSE_S: Final = 0.1
MAX_PAUSE_S: Final = 5.0
GROWTH: Final = 1.6
"""How long a node that does not answer is left alone, and how much longer each time: as clients of gRPC do, which wait
up to two minutes, where a node that comes back is to be found soon."""


class Pool:
    """The nodes of a service that are known. Each is connected to when calls are made, and as often as it is lost."""

    def __init__(self, dialler: Dialler) -> None:
        self._dialler = dialler
        self._lines: dict[str, Line] = {}
        self._turns: Iterator[Line] = iter(())

    def follow(self, addresses: Collection[str]) -> None:
        """Call these from now on; what was begun elsewhere ends there."""
        for gone in self._lines.keys() - set(addresses):
            self._lines.pop(gone).leave()
        for address in addresses:
            if address not in self._lines:
                self._lines[address] = Line(self._dialler, address)
        self._turns = itertools.cycle(tuple(self._lines.values()))

    async def ask(self, path: str, message: bytes, metadata: Metadata, ends: float) -> bytes:
        """Return what one of the nodes answers until `ends`, on the loop's clock. Raises Failed."""
        try:
            async with asyncio.timeout_at(ends):
                try:
                    return await self._ask(path, message, metadata, ends)
                except NotBegun:
                    # Its node goes, as all do in a rolling update: nothing was done, so another may do it.
                    return await self._ask(path, message, metadata, ends)
        except TimeoutError:
            raise Failed(Code.DEADLINE_EXCEEDED, "no node took the call in time") from None

    async def close(self) -> None:
        """Connect no more, and give up what is being connected."""
        await asyncio.gather(*(line.close() for line in self._lines.values()))

    async def _ask(self, path: str, message: bytes, metadata: Metadata, ends: float) -> bytes:
        client = self._next() or await self._reach()
        return await client.unary(path, message, metadata, ends - asyncio.get_running_loop().time())

    def _next(self) -> Client | None:
        """The next connection that takes a call at once."""
        for _ in self._lines:
            client = next(self._turns).connected()
            if client is not None and not client.full:
                return client
        return None

    async def _reach(self) -> Client:
        """Wait for a connection that takes a call. Raises Failed when no node can be reached."""
        while (client := self._next()) is None:
            line = next(self._turns)
            if full := line.connected():
                await full.ready()
                return full
            opening = [line.opening for line in self._lines.values() if line.opening]
            if not opening:
                raise Failed(Code.UNAVAILABLE, "no node can be reached")
            await asyncio.wait(opening, return_when=asyncio.FIRST_COMPLETED)
        return client


class Line:
    """The connection to one node."""

    def __init__(self, dialler: Dialler, address: str) -> None:
        self.opening: asyncio.Task[None] | None = None
        """Connects, at the moment."""
        self._dialler = dialler
        self._address = address
        self._client: Client | None = None
        self._pause = 0.0
        self._not_before = 0.0

    def connected(self) -> Client | None:
        """Return the connection; None, and begin to connect, when there is none."""
        if self._client is not None and not self._client.closed:
            return self._client
        if self.opening is None and asyncio.get_running_loop().time() >= self._not_before:
            # Not in the context of the call that happens to be the first.
            self.opening = asyncio.create_task(self._open(), context=contextvars.Context())
        return None

    def leave(self) -> None:
        """Begin no more calls; those under way end."""
        if self.opening is not None:
            self.opening.cancel()
        if self._client is not None:
            self._client.leave()

    async def close(self) -> None:
        """Give up connecting."""
        self.leave()
        if self.opening is not None:
            await asyncio.wait([self.opening])

    async def _open(self) -> None:
        try:
            async with asyncio.timeout(DIAL_S):
                client = await self._dialler.connect(self._address)
                await _admit(client)
            self._client, self._pause = client, 0.0
        except (OSError, Failed, TimeoutError):
            self._pause = min(max(FIRST_PAUSE_S, self._pause * GROWTH), MAX_PAUSE_S)
            jitter = random.uniform(0.8, 1.2)  # noqa: S311  jitter, not a secret
            self._not_before = asyncio.get_running_loop().time() + self._pause * jitter
        finally:
            self.opening = None


async def _admit(client: Client) -> None:
    """Hang up where a node says that it does not serve, as one that waits for its store. Raises Failed then."""
    answer = b""
    with contextlib.suppress(Failed):  # who cannot be asked for its health may serve all the same
        answer = await client.unary(CHECK, b"", seconds=DIAL_S)
    if HealthCheckResponse.FromString(answer).status == HealthCheckResponse.NOT_SERVING:
        client.hang_up()
    if client.closed:
        raise Failed(Code.UNAVAILABLE, "the node does not serve now")
