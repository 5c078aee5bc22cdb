"""Where connections come in, how many there may be, and how they are asked to go."""

from __future__ import annotations

import asyncio
import random
import socket
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Final

from mesh.errors import Code
from mesh.http2 import headers
from mesh.http2.connection import Connection
from mesh.http2.connections import Connections
from mesh.http2.owner import Limits, Peer

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from mesh.http2.exchange import Exchange

    Serve = Callable[[Exchange], Coroutine[None, None, None]]

BACKLOG: Final = 4_096
"""Connections that wait to be accepted: thousands of devices return at once after a cut."""

AGE_JITTER: Final = 0.1
"""Connections that were opened together are not asked to go together."""

FLUSH_S: Final = 1.0
"""How long the last words may take to reach their peers."""

MAX_PORT: Final = 65_535

_FAILED: Final = headers.trailers(Code.INTERNAL, "internal error", None)


class Listener:
    """Calls `serve` for each RPC, in a task of its own that is cancelled when its peer goes.

    `serve` ends its RPC with `Exchange.finish`; one that does not has failed, and its peer is told so.
    """

    def __init__(self, serve: Serve, limits: Limits) -> None:
        self.limits = limits
        self._serve = serve
        self._servers: list[asyncio.Server] = []
        self._connections = Connections()
        self._tasks: set[asyncio.Task[None]] = set()
        self._draining = False

    async def listen(self, address: str) -> str:
        """Listen on `host:port` or `unix:path`; return the same with the port that 0 became. Raises OSError."""
        try:
            return await self._listen(address)
        except OSError as error:
            raise OSError(f"cannot listen on {address}: {error.strerror or error}") from error

    async def _listen(self, address: str) -> str:
        loop = asyncio.get_running_loop()
        if address.startswith("unix:"):
            path = address.removeprefix("unix:")
            self._servers.append(await loop.create_unix_server(self._connection, path, backlog=BACKLOG))
            return address
        bound = _bound(address)
        self._servers.append(await loop.create_server(self._connection, sock=bound, backlog=BACKLOG))
        return f"{address.rpartition(':')[0]}:{bound.getsockname()[1]}"

    async def drain(self, grace_s: float) -> None:
        """Take no more connections, ask all to go, and end after `grace_s` what does not."""
        self._draining = True
        for server in self._servers:
            server.close()
        for connection in self._connections:
            connection.leave()
        await self._connections.gone(grace_s)
        for connection in self._connections:
            connection.stop()
        await self._connections.gone(FLUSH_S)
        for connection in self._connections:
            connection.abort()
        if self._tasks:
            await asyncio.wait(self._tasks)

    # What connections ask.

    def age(self) -> float:
        """After how many seconds a new connection is asked to go, infinity for never."""
        jitter = random.uniform(1 - AGE_JITTER, 1 + AGE_JITTER)  # noqa: S311  nobody gains by guessing it
        return self.limits.age_s * jitter if self.limits.age_s else inf

    def entered(self, connection: Peer, look: float) -> bool:
        """Count a new connection, to be looked at at this time; return whether there is room for it."""
        if self._draining or len(self._connections) >= self.limits.max_connections:
            return False
        self._connections.add(connection, look)
        return True

    def left(self, connection: Peer) -> None:
        """Forget a connection."""
        self._connections.discard(connection)

    def start(self, exchange: Exchange) -> asyncio.Task[None]:
        """Serve an RPC."""
        task = asyncio.get_running_loop().create_task(self._serve(exchange))
        self._tasks.add(task)
        task.add_done_callback(partial(self._served, exchange))
        return task

    def _connection(self) -> Connection:
        return Connection(self)

    def _served(self, exchange: Exchange, task: asyncio.Task[None]) -> None:
        """End what a handler has left open."""
        self._tasks.discard(task)
        if task.cancelled():
            exchange.cancel()
            return
        if error := task.exception():
            context = {"message": "a handler of an RPC failed", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)
        exchange.finish(_FAILED)


def _bound(address: str) -> socket.socket:
    """Return a socket that listens at `host:port`; at `[::]` it takes IPv4 too. Raises OSError."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or int(port) > MAX_PORT:
        raise OSError("not host:port")
    found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, where = found[0]
    both = family == socket.AF_INET6 and where[0] == "::"
    bound = socket.create_server(where, family=family, backlog=BACKLOG, dualstack_ipv6=both)
    # Connections inherit it. Else the last frames of an answer wait for the peer's kernel, 40 ms.
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return bound
