"""The write-ahead log: bounded while there are writes, and empty where somebody wants it so."""

import asyncio
import itertools
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from mesh.infrastructure import sqlite, sqlite_checkpoint
from mesh.infrastructure.sqlite import Database
from mesh.infrastructure.sqlite_checkpoint import Checkpointer
from tests.mesh import sqlite_file
from tests.mesh.sqlite_file import PAGE_BYTES, SCHEMA, insert, log_size

CANARY = "canary_5b7e"
REFUSED, PAGES = 3, 50
"""Connections that cannot be had, and pages that are written meanwhile."""


file, database = sqlite_file.file, sqlite_file.database


async def test_the_log_of_a_busy_database_stays_bounded(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under writes that never pause, what was committed is moved into the file and the log begins anew. How far it
    grows while a move waits for a slow disk is the machine's; without moves all that is written stays in it.
    """
    monkeypatch.setattr(sqlite, "MAX_LOG_PAGES", 512)

    def fill(connection: sqlite3.Connection) -> None:
        connection.executemany("INSERT INTO big VALUES (zeroblob(4000))", [()] * 256)

    largest = 0
    async with Database(file, (*SCHEMA, "CREATE TABLE big (body BLOB)")) as database:
        for _ in range(60):
            await database.write(fill)
            largest = max(largest, log_size(file))
    assert largest < 60 * 256 * PAGE_BYTES / 2


def slowly(connection: sqlite3.Connection) -> int:
    """A question that takes some hundredths of a second, over a state of the file that stays as it is meanwhile."""
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) SELECT count(*) FROM n"
    least, _ = connection.execute(f"SELECT (SELECT min(id) FROM item), ({many})").fetchone()  # noqa: S608 - all ours
    return int(least)


async def test_a_log_is_emptied_although_it_is_always_in_use(
    file: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While readers, a writer, and what moves the log never pause, `scrub` leaves nothing in it, and all go on."""
    monkeypatch.setattr(sqlite_checkpoint, "PERIOD_S", 0.001)
    over = asyncio.Event()
    answered = {"reads": 0, "writes": 0}

    async def read() -> None:
        while not over.is_set():
            assert await database.read(slowly) > 0
            answered["reads"] += 1

    async def write() -> None:
        for number in itertools.count(2):
            await database.write(insert(number))
            answered["writes"] += 1
            if over.is_set():
                return

    await database.write(insert(1))
    busy = [asyncio.create_task(one) for one in (read(), read(), read(), write())]
    try:
        for _ in range(3):
            await asyncio.gather(database.scrub(), database.scrub())
        before = dict(answered)
        async with asyncio.timeout(10):
            while any(answered[kind] == before[kind] for kind in before):  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0.01)
    finally:
        over.set()
        await asyncio.gather(*busy)
    await database.scrub()
    assert file.with_name("test.db-wal").stat().st_size == 0


def test_what_moves_the_log_waits_for_a_connection(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that gets none says so in one line, and once it gets one it moves what was written meanwhile."""
    monkeypatch.setattr(sqlite_checkpoint, "PERIOD_S", 0.001)
    file.parent.mkdir()
    refusals = iter(range(REFUSED))

    def connect() -> sqlite3.Connection:
        if next(refusals, None) is not None:
            raise sqlite3.OperationalError(CANARY)
        return sqlite3.connect(file, check_same_thread=False)

    with closing(sqlite3.connect(file, isolation_level=None)) as writer, capture_logs() as logs:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute(f"CREATE TABLE item AS SELECT zeroblob({PAGES * PAGE_BYTES}) AS body")
        checkpointer = Checkpointer(connect, "move")
        checkpointer.start()
        checkpointer.written()
        late = time.monotonic() + 10
        while file.stat().st_size < PAGES * PAGE_BYTES and time.monotonic() < late:
            time.sleep(0.005)
        assert file.stat().st_size >= PAGES * PAGE_BYTES
        checkpointer.close()
    assert [(line["event"], line["log_level"]) for line in logs] == [
        ("log_not_moved", "error"),
        ("log_moved_again", "warning"),
    ]
    assert CANARY not in str(logs)
