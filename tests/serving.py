"""Web servers of tests, on ports of this machine."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from aiohttp import web


@asynccontextmanager
async def served(app: web.Application, port: int = 0, *, cancels: bool = False) -> AsyncIterator[str]:
    """Serve it; its address. With `cancels` a request ends when its client goes, and nobody is waited for then."""
    runner = web.AppRunner(app, handler_cancellation=cancels, shutdown_timeout=0.1 if cancels else 60.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port, reuse_address=True).start()
        [address] = runner.addresses
        yield f"http://127.0.0.1:{address[1]}"
    finally:
        await runner.cleanup()


@dataclass
class Counting:
    """A server that knows how many requests it is at."""

    under_way: int = 0
    most: int = 0
    """The most requests that were under way at one time."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Be at one more."""
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        self.changed.set()
        try:
            yield
        finally:
            self.under_way -= 1
            self.changed.set()

    async def until(self, met: Callable[[], object], seconds: float = 30.0) -> None:
        """Wait until this is so; it is looked at when a request begins or ends."""
        async with asyncio.timeout(seconds):
            while not met():
                self.changed.clear()
                await self.changed.wait()
