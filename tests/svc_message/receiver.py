"""Programs of an installation, as small as they can be: a webhook that remembers what came, and services over gRPC."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

SECRET = "a secret of sixteen"
PATIENCE = 10.0


@dataclass
class Hook:
    """A webhook. `answers` are the statuses that it gives, one each, and 200 after that."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    refuse: Callable[[Any], int] = field(default=lambda _: 200)
    """The status for a body, where `answers` are used up."""
    bodies: list[Any] = field(default_factory=list)
    """What was answered with 200, parsed."""
    tried: list[Any] = field(default_factory=list)
    """All that came."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        """Take one POST."""
        raw = await request.read()
        verify(request.headers["Parley-Signature"], raw)
        body = json.loads(raw)
        self.tried.append(body)
        status = self.answers.pop(0) if self.answers else self.refuse(body)
        if status == 200:
            self.bodies.append(body)
        self.changed.set()
        return web.Response(status=status, headers={"Location": "/other"} if status == 302 else {})

    async def until(self, met: Callable[[], object]) -> None:
        """Wait until this is so; it is asked after each POST."""
        async with asyncio.timeout(PATIENCE):
            while not met():
                self.changed.clear()
                await self.changed.wait()

    @property
    def events(self) -> list[Any]:
        """The events of all batches that were taken."""
        return [event for body in self.bodies for event in body["events"]]


def verify(header: str, raw: bytes) -> None:
    """What a receiver does, in a few lines of its own."""
    fields = dict(part.split("=", 1) for part in header.split(","))
    expected = hmac.new(SECRET.encode(), fields["t"].encode() + b"." + raw, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(expected, fields["v1"])


@asynccontextmanager
async def hook(port: int = 0) -> AsyncIterator[Hook]:
    """A webhook on a port of this machine."""
    made = Hook()
    app = web.Application(client_max_size=4 * 1024 * 1024)
    app.router.add_post("/hook", made.take)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port, reuse_address=True).start()
        [address] = runner.addresses
        made.url = f"http://127.0.0.1:{address[1]}/hook"
        yield made
    finally:
        await runner.cleanup()
