import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mesh.errors import Code, MeshError
from mesh.infrastructure import sqlite
from mesh.infrastructure.sqlite import MAX_GROUP, Database
from tests.mesh import sqlite_file
from tests.mesh.sqlite_file import SCHEMA, ask, full_disk, held, insert, items, waiting

CANARY = "canary_8d1f"


file, database, unmoved = sqlite_file.file, sqlite_file.database, sqlite_file.unmoved


async def test_a_resolved_write_is_in_the_file(database: Database, file: Path) -> None:
    """Whoever opens the file next, another process included, sees it; and so does a reader of this one."""
    for id_ in range(20):
        assert await database.write(insert(id_)) == 1
        assert items(file)[-1] == id_
        assert await database.read(lambda c: c.execute("SELECT max(id) FROM item").fetchone()[0]) == id_


async def test_a_commit_waits_for_the_disk(database: Database) -> None:
    """The writer syncs at each commit, so that a power cut takes nothing that was resolved."""
    full = 2
    assert await database.write(lambda c: c.execute("PRAGMA synchronous").fetchone()) == (full,)
    assert await database.write(lambda c: c.execute("PRAGMA journal_mode").fetchone()) == ("wal",)


async def test_a_reader_does_not_see_half_a_write(database: Database, file: Path) -> None:
    """What a write did is invisible, here and elsewhere, until all of it is committed."""

    def look(connection: sqlite3.Connection) -> list[int]:
        insert(1)(connection)
        return items(file)

    assert await database.write(look) == []
    assert items(file) == [1]


async def test_an_error_undoes_its_own_write_alone(database: Database, file: Path) -> None:
    """Among writes that share a commit, one that raises after it changed something leaves the others whole."""

    def fail(connection: sqlite3.Connection) -> int:
        insert(7, 8)(connection)
        raise KeyError(CANARY)

    async with held(database):
        tasks = await waiting(database, insert(1), fail, insert(2), insert(9, 1), insert(3))
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [outcome for outcome in outcomes if isinstance(outcome, int)] == [1, 1, 1]
    assert isinstance(outcomes[1], KeyError)
    assert isinstance(outcomes[3], MeshError)
    assert items(file) == [0, 1, 2, 3]


async def test_writes_that_wait_share_a_commit(database: Database) -> None:
    """One sync serves as many as wait, up to MAX_GROUP, in their order."""
    seen: list[str] = []
    await database.write(lambda connection: connection.set_trace_callback(seen.append))
    async with held(database):
        tasks = await waiting(database, *(insert(id_) for id_ in range(1, 2 * MAX_GROUP + 2)))
        seen.clear()
    await asyncio.gather(*tasks)
    await database.write(lambda connection: connection.set_trace_callback(None))
    commits = seen.count("COMMIT")
    assert commits == 1 + 3  # of the one that held them, and of two full groups and a rest
    inserted = [text.rpartition("(")[2] for text in seen if text.startswith("INSERT")]
    assert inserted == [f"{id_})" for id_ in range(2 * MAX_GROUP + 2)]


async def test_a_write_that_was_cancelled_in_the_queue_is_not_done(database: Database, file: Path) -> None:
    """Nobody waits for it any more, so it leaves no trace, and its neighbours are done."""
    async with held(database):
        before, cancelled, after = await waiting(database, insert(1), insert(2), insert(3))
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
    assert [await before, await after] == [1, 1]
    assert items(file) == [0, 1, 3]


async def test_a_group_of_cancelled_writes_does_not_stop_the_writer(database: Database, file: Path) -> None:
    """When all that waited have gone, the next write is done as ever."""
    async with held(database):
        tasks = await waiting(database, insert(1), insert(2))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await database.write(insert(3))
    assert items(file) == [0, 3]


async def test_a_write_that_has_begun_is_finished_though_its_caller_went(database: Database, file: Path) -> None:
    """A transaction is never left half way, and the writer goes on."""
    async with held(database) as holding:
        holding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await holding
    await database.write(insert(1))
    assert items(file) == [0, 1]


@pytest.mark.usefixtures("unmoved")
async def test_a_full_disk_refuses_all_of_a_group_and_recovers(file: Path, database: Database) -> None:
    """Writes whose work went well are refused when their commit fails; reads go on, and later writes succeed."""
    await database.write(insert(100))
    with full_disk(file):
        async with held(database) as holding:
            tasks = await waiting(database, insert(1), insert(2))
        outcomes = await asyncio.gather(holding, *tasks, return_exceptions=True)
        assert await database.read(lambda c: c.execute("SELECT id FROM item").fetchall()) == [(100,)]
    assert database.away
    for outcome in outcomes:
        assert isinstance(outcome, MeshError)
        assert (outcome.code, outcome.reason) == (Code.UNAVAILABLE, "STORE_UNAVAILABLE")
    assert items(file) == [100]
    assert await database.write(insert(1, 2)) == 2
    assert not database.away
    assert items(file) == [1, 2, 100]


async def test_a_commit_that_is_refused_is_undone(file: Path) -> None:
    """SQLite leaves such a transaction open: nothing of it stays, and the next write begins a new one."""
    part = "CREATE TABLE part (item INTEGER REFERENCES item DEFERRABLE INITIALLY DEFERRED)"
    async with Database(file, (*SCHEMA, part)) as database:
        with pytest.raises(MeshError) as caught:
            await database.write(lambda connection: connection.execute("INSERT INTO part VALUES (7)"))
        assert caught.value.reason == "STORE_UNAVAILABLE"
        await database.write(insert(1))
    assert (items(file), ask(file, "SELECT item FROM part")) == ([1], [])


async def test_a_locked_file_is_a_store_that_is_away(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When another process does not let go of the file, a write is refused in time, and done after that."""
    monkeypatch.setattr(sqlite, "BUSY_MS", 50)
    async with Database(file, SCHEMA) as database:
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(MeshError) as caught:
                await database.write(insert(1))
        assert caught.value.reason == "STORE_UNAVAILABLE"
        assert await database.write(insert(2)) == 1
    assert items(file) == [2]


@pytest.mark.parametrize("access", ["read", "write"])
async def test_the_words_of_the_driver_stay_here(database: Database, access: str) -> None:
    """An error of the store reaches a caller, and what it quotes of a statement or a row does not."""
    with pytest.raises(MeshError) as caught:
        await getattr(database, access)(lambda connection: connection.execute(f"{CANARY} item"))
    assert caught.value.reason == "STORE_UNAVAILABLE"
    assert CANARY not in str(caught.value)


async def test_closing_finishes_what_waits(file: Path) -> None:
    """A process that ends well loses no write that was asked for before, however many commits they take."""
    database = Database(file, SCHEMA)
    await database.open()
    count = MAX_GROUP + 10
    async with held(database):
        tasks = await waiting(database, *(insert(id_) for id_ in range(1, count)))
        closing_ = asyncio.create_task(database.close())
        await asyncio.sleep(0)
    await closing_
    assert await asyncio.gather(*tasks) == [1] * (count - 1)
    assert items(file) == list(range(count))
