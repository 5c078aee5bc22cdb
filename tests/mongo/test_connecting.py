"""What is left of connections to MongoDB that nobody waits for any more."""

import asyncio
import gc
import random
import warnings
from collections.abc import AsyncIterator

import pytest

from mesh.infrastructure.mongo import Database, Schema
from tests.mongo.proxy import Proxy
from tests.mongo.server import fresh_url

pytestmark = pytest.mark.real

NOTHING = Schema("test", ())


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """A database of the test's own."""
    async with fresh_url() as url:
        yield url


async def cancelled_after(turns: int, database: Database) -> None:
    """Ask more at once than there are connections, and give up after so many turns of the loop."""
    asked = [asyncio.create_task(database.collection("item").find_one({"_id": number})) for number in range(8)]
    for _ in range(turns):
        await asyncio.sleep(0)
    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)


async def test_who_gives_up_while_connecting_leaves_nothing_open(url: str) -> None:
    """However far connecting had come when its caller was cancelled, no socket stays open without an owner."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for turns in [*range(1, 40), *random.Random(7).choices(range(1, 40), k=20)]:
            async with Database(url, NOTHING) as database:
                await cancelled_after(turns, database)
        gc.collect()
    assert [str(one.message) for one in seen if one.category is ResourceWarning] == []


async def test_a_silent_server_does_not_hold_whoever_gives_up(url: str) -> None:
    """A server that takes a connection and then says nothing costs who is cancelled no more than a moment."""
    async with Proxy() as proxy, Database(proxy.over(url), NOTHING) as database:
        proxy.silent = True
        asked = [asyncio.create_task(database.collection("item").find_one({"_id": number})) for number in range(8)]
        await asyncio.sleep(0.1)
        for task in asked:
            task.cancel()
        async with asyncio.timeout(3):
            ended = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(one, asyncio.CancelledError) for one in ended)
        proxy.silent = False
