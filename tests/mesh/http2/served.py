"""Servers whose handlers do what a test wants, without what a service has around them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from mesh.http2 import headers
from mesh.http2.listener import Listener
from mesh.http2.owner import Limits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mesh.http2.exchange import Exchange
    from mesh.http2.listener import Serve

OK: Final = headers.trailers(0, "", None)
LIMITS: Final = Limits(max_message=1_000_000, max_connections=100, max_streams=100, age_s=0)


@asynccontextmanager
async def serving(serve: Serve, **limits: Any) -> AsyncIterator[str]:
    """Serve each call by this coroutine, at the address that is returned."""
    listener = Listener(serve, replace(LIMITS, **limits))
    address = await listener.listen("127.0.0.1:0")
    try:
        yield address
    finally:
        await listener.drain(0)


class Sender:
    """Answers each call with one message of so many bytes, and counts those that are still inside."""

    def __init__(self, size: int) -> None:
        self.message = bytes(number % 251 for number in range(size))
        self.inside = 0

    async def serve(self, exchange: Exchange) -> None:
        """Serve one call."""
        self.inside += 1
        try:
            if not exchange.send(self.message):
                await exchange.drained()
            exchange.finish(OK)
        finally:
            self.inside -= 1
