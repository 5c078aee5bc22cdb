"""A MongoDB database as a member of the mesh opens and uses it."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from mesh.errors import Code, MeshError
from mesh.infrastructure.mongo import Database, Schema
from mesh.settings import SettingError
from tests.mongo.proxy import Proxy
from tests.mongo.server import fresh_url

pytestmark = pytest.mark.real

CANARY: Final = "canary_8d1f"


async def first(database: AsyncDatabase[dict[str, Any]]) -> None:
    """A step as services write them."""
    await database["item"].create_indexes([IndexModel([("n", 1)], name="n", unique=True)])


async def second(database: AsyncDatabase[dict[str, Any]]) -> None:
    """Another one."""
    await database["item"].create_indexes([IndexModel([("m", 1)], name="m")])


async def never(_: AsyncDatabase[dict[str, Any]]) -> None:
    """A step that must not run."""
    raise AssertionError


ONE, TWO = Schema("test", (first,)), Schema("test", (first, second))


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with fresh_url() as made:
        yield made


async def indexes(database: Database) -> set[str]:
    """Names of the indexes of the items, without that of `_id`."""
    return set(await database.collection("item").index_information()) - {"_id_"}


async def version(database: Database) -> Any:
    """What the database says of its schema."""
    return await database.collection("meta").find_one({"_id": "schema"})


async def test_an_empty_database_is_made(url: str) -> None:
    """The first start makes collections and indexes, and the next ones find them."""
    async with Database(url, ONE) as database:
        assert await indexes(database) == {"n"}
        assert await version(database) == {"_id": "schema", "service": "test", "version": 1}
    async with Database(url, Schema("test", (never,))) as database:
        assert await indexes(database) == {"n"}


async def test_an_older_database_is_brought_on(url: str) -> None:
    """A newer program runs the steps that are missing, and no others."""
    async with Database(url, ONE):
        pass
    async with Database(url, Schema("test", (never, second))) as database:
        assert await indexes(database) == {"n", "m"}
        assert (await version(database))["version"] == 2


async def test_a_newer_database_is_refused(url: str) -> None:
    """An older program does not touch it and says what to do."""
    async with Database(url, TWO):
        pass
    with pytest.raises(SettingError, match=r"^STORE_URL: the database has schema 2, this program knows 1: start a new"):
        await _open(url, ONE)
    async with Database(url, TWO) as database:
        assert (await version(database))["version"] == 2


async def test_a_database_of_another_service_is_refused(url: str) -> None:
    """A URL that was given to two services by mistake does not mix their data."""
    async with Database(url, ONE):
        pass
    with pytest.raises(SettingError, match=r"^STORE_URL: the database belongs to another service$"):
        await _open(url, Schema("other", (never,)))


async def test_many_start_at_once(url: str) -> None:
    """Nodes that find an empty database at the same moment all come up, on one schema."""
    await asyncio.gather(*(_open(url, TWO) for _ in range(8)))
    async with Database(url, TWO) as database:
        assert await indexes(database) == {"n", "m"}
        assert (await version(database))["version"] == 2


async def test_a_start_waits_for_the_server(url: str) -> None:
    """Parts start in any order: a node that comes first is up when the server is."""
    async with Proxy() as proxy:
        pass
    opening = asyncio.create_task(_open(proxy.over(url), ONE))
    done, _ = await asyncio.wait({opening}, timeout=0.5)
    assert not done
    async with proxy:
        await opening


async def test_a_server_that_goes_while_a_start_asks_it_is_waited_for(url: str) -> None:
    """A start that loses its server between two of its steps begins again, and ends well when the server is back."""
    async with Proxy() as proxy:
        proxy.hold(1)
        opening = asyncio.create_task(_open(proxy.over(url), ONE))
        async with asyncio.timeout(10):
            await proxy.held.wait()
        await proxy.close()
        proxy.release.set()
        done, _ = await asyncio.wait({opening}, timeout=0.5)
        assert not done
        async with proxy, asyncio.timeout(10):
            await opening
        async with Database(url, ONE) as database:
            assert await indexes(database) == {"n"}


async def test_errors_are_told_without_the_driver(url: str) -> None:
    """Whatever the driver raises is UNAVAILABLE, in words that quote nothing; what an adapter raises passes."""
    async with Database(url, ONE) as database:
        items = database.collection("item")
        await items.insert_one({"n": CANARY})
        for write in (
            items.insert_one({"n": CANARY}),
            items.update_one({}, {"$no": 1}),
            items.insert_one({"n": 2**70}),
        ):
            with pytest.raises(MeshError) as refused, database.writing():
                await write
            assert (refused.value.code, refused.value.reason) == (Code.UNAVAILABLE, "STORE_UNAVAILABLE")
            assert CANARY not in str(refused.value)
        with pytest.raises(KeyError), database.writing():
            await _as_adapters_do(items.insert_one({"n": CANARY}))


async def test_reads_are_counted(url: str) -> None:
    """Reads and nothing else."""
    async with Database(url, ONE) as database:
        with database.writing():
            await database.collection("item").insert_one({"n": 1})
        for _ in range(3):
            with database.reading():
                await database.collection("item").find_one({"n": 1})
        assert database.reads == 3


@pytest.mark.parametrize("away", ["gone", "silent"])
async def test_a_server_that_is_away(url: str, away: str) -> None:
    """Calls end in time with UNAVAILABLE, and work again when the server is back."""
    async with Proxy() as proxy, Database(proxy.over(url), ONE, call_s=0.5) as database:
        items = database.collection("item")
        if away == "gone":
            await proxy.close()
        proxy.silent = True
        begin = time.monotonic()
        for call in (items.insert_one({"n": 1}), items.find_one({"n": 1})):
            with pytest.raises(MeshError, match=r"^UNAVAILABLE STORE_UNAVAILABLE"), database.writing():
                await call
        assert time.monotonic() - begin < 3
        proxy.silent = False
        async with proxy if away == "gone" else Proxy():
            async with asyncio.timeout(10):
                while not await _answers(database):
                    pass


async def _open(url: str, schema: Schema) -> None:
    async with Database(url, schema):
        pass


async def _as_adapters_do(write: Any) -> None:
    try:
        await write
    except DuplicateKeyError as error:
        raise KeyError from error


async def _answers(database: Database) -> bool:
    try:
        with database.writing():
            await database.collection("item").find_one({})
    except MeshError:
        return False
    return True
