"""The key-value on Redis where no Redis is needed: a server that hangs up."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from mesh.clock import SystemClock
from mesh.errors import MeshError
from mesh.infrastructure.redis import RedisKeyValue


class Hasty(SystemClock):
    """Nobody waits longer than a turn of the loop."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


@pytest.fixture
async def refusing() -> AsyncIterator[str]:
    """Serve whoever connects by hanging up when something was said."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_it_closes_whatever_its_probe_does_just_then(refusing: str) -> None:
    """The driver waits by `asyncio.wait_for`, which may lose a cancellation: closing does not depend on it."""
    for turns in range(60):
        kv = RedisKeyValue(refusing, Hasty())
        with pytest.raises(MeshError, match="UNAVAILABLE"):
            await kv.read(["a"])
        for _ in range(turns):
            await asyncio.sleep(0)
        async with asyncio.timeout(10):
            await kv.aclose()
