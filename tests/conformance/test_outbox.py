"""What every store of debts must do, whatever it is made of: a new one joins with one line in STORES."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from mesh.infrastructure import mongo as mongodb
from mesh.infrastructure.mongo_outbox import MongoOutbox, create_outbox
from mesh.infrastructure.mongo_roots import Roots, Write, create_roots
from mesh.infrastructure.sqlite import Database
from mesh.infrastructure.sqlite_outbox import SCHEMA, SqliteOutbox, owe
from mesh.outbox import OutboxStore
from tests.mongo.server import SERVER, fresh_url

PAYLOADS = [b"first", b"", b"\0\xff", b"first"]


class Undone(Exception):  # noqa: N818  not an error: a change that is not made
    """Raised inside a change, so that it is not made."""


@dataclass(frozen=True)
class Ledger:
    """A store, a change that owes, and a change that owes and is undone."""

    store: OutboxStore
    owe: Callable[[Sequence[bytes]], Awaitable[None]]
    undo: Callable[[Sequence[bytes]], Awaitable[None]]


@asynccontextmanager
async def sqlite(folder: Path) -> AsyncIterator[Ledger]:
    """The embedded store."""
    async with Database(folder / "outbox.db", (SCHEMA,)) as database:

        async def change(payloads: Sequence[bytes]) -> None:
            await database.write(lambda connection: owe(connection, payloads))

        async def undo(payloads: Sequence[bytes]) -> None:
            def work(connection: Connection) -> None:
                owe(connection, payloads)
                raise Undone

            with pytest.raises(Undone):
                await database.write(work)

        yield Ledger(SqliteOutbox(database), change, undo)


async def _create(database: AsyncDatabase[mongodb.Document]) -> None:
    await create_outbox(database)
    await create_roots(database, "root")


@asynccontextmanager
async def mongo(url: str) -> AsyncIterator[Ledger]:
    """Debts of the documents of a MongoDB server. A change that is undone is one that came too late."""
    schema = mongodb.Schema("outbox", (_create,))
    async with mongodb.Database(url, schema) as database:
        outbox = MongoOutbox(database)
        roots = Roots(database, "root", outbox)

        async def change(payloads: Sequence[bytes]) -> None:
            await roots.change("one", lambda _: Write({}, owes=payloads))

        async def undo(payloads: Sequence[bytes]) -> None:
            before = await roots.load("one")
            await roots.change("one", lambda _: Write({"x": 1}))
            assert not await roots.commit(before, Write({}, owes=payloads))

        yield Ledger(outbox, change, undo)


STORES = [pytest.param(sqlite, id="sqlite")]
if SERVER:
    STORES.append(pytest.param(mongo, id="mongo", marks=pytest.mark.real))
Reopen = Callable[[], AbstractAsyncContextManager[Ledger]]


@pytest.fixture(params=STORES)
async def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Reopen]:
    """Open the store of the test, as often as wanted."""
    if request.param is sqlite:
        yield lambda: sqlite(tmp_path)
    else:
        async with fresh_url() as url:
            yield lambda: mongo(url)


@pytest.fixture
async def ledger(reopen: Reopen) -> AsyncIterator[Ledger]:
    async with reopen() as opened:
        yield opened


async def ids(ledger: Ledger) -> list[int]:
    return [debt.id for debt in await ledger.store.owed(1000)]


async def payloads(ledger: Ledger, limit: int = 1000) -> list[bytes]:
    return [debt.payload for debt in await ledger.store.owed(limit)]


async def test_debts_are_given_in_the_order_of_the_changes(ledger: Ledger) -> None:
    """Byte for byte, the oldest first, with ids from 1 to 2^63-1 that rise; equal payloads are different debts."""
    for payload in PAYLOADS:
        await ledger.owe([payload])
    await ledger.owe([b"x", b"y"])
    assert await payloads(ledger) == [*PAYLOADS, b"x", b"y"]
    found = await ids(ledger)
    assert found == sorted(set(found))
    assert 1 <= found[0] <= found[-1] < 2**63


async def test_no_more_than_asked_for_are_given(ledger: Ledger) -> None:
    """A payer takes the oldest few, and takes the same again until they are paid."""
    await ledger.owe(PAYLOADS)
    assert await payloads(ledger, 2) == PAYLOADS[:2]
    assert await payloads(ledger, 2) == PAYLOADS[:2]
    await ledger.store.paid((await ids(ledger))[:2])
    assert await payloads(ledger, 2) == PAYLOADS[2:]


async def test_what_is_paid_is_forgotten_and_nothing_else(ledger: Ledger) -> None:
    """Debts may be paid in any order."""
    await ledger.owe(PAYLOADS)
    one, two, three, four = await ids(ledger)
    await ledger.store.paid([three, one])
    assert await ids(ledger) == [two, four]


async def test_paying_twice_is_no_error(ledger: Ledger) -> None:
    """A payer that does not know whether it was heard says it again; unknown ids and none at all are fine too."""
    await ledger.owe(PAYLOADS)
    first, *rest = await ids(ledger)
    for again in ([first], [first], [first, 10**12], []):
        await ledger.store.paid(again)
    assert await ids(ledger) == rest


async def test_a_change_that_is_undone_owes_nothing(ledger: Ledger) -> None:
    """A debt is part of the transaction of its change."""
    await ledger.undo(PAYLOADS)
    assert await ids(ledger) == []
    await ledger.owe([b"x"])
    assert await payloads(ledger) == [b"x"]


async def test_debts_survive_the_process(reopen: Reopen) -> None:
    """What one process owed, with its ids, is what the next one owes; what was paid stays paid."""
    async with reopen() as ledger:
        await ledger.owe(PAYLOADS)
        await ledger.store.paid((await ids(ledger))[:1])
        left = await ledger.store.owed(1000)
    async with reopen() as ledger:
        assert await ledger.store.owed(1000) == left
    assert [debt.payload for debt in left] == PAYLOADS[1:]


async def test_an_id_never_comes_back(reopen: Reopen) -> None:
    """Not after all is paid, and not in the next process: it is what makes paying twice harmless."""
    seen: list[int] = []
    for _ in range(3):
        async with reopen() as ledger:
            for _ in range(2):
                await ledger.owe([b"x", b"y"])
                fresh = await ids(ledger)
                await ledger.store.paid(fresh)
                seen += fresh
    assert len(seen) == 12
    assert seen == sorted(set(seen))
