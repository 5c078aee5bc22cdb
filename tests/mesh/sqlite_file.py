"""A small database, what another process sees in its file, and how its writer and its disk are stopped."""

import asyncio
import resource
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

import pytest

from mesh.infrastructure import sqlite_checkpoint
from mesh.infrastructure.sqlite import Database

SCHEMA = ("CREATE TABLE item (id INTEGER PRIMARY KEY)",)
PAGE_BYTES = 4_096
NEVER_S = 3_600.0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that is not there yet; like `database` a fixture of the suites that name it."""
    return tmp_path / "data" / "test.db"


@pytest.fixture
async def database(file: Path) -> AsyncIterator[Database]:
    """It, open."""
    async with Database(file, SCHEMA) as opened:
        yield opened


def insert(*ids: int) -> Callable[[sqlite3.Connection], int]:
    def work(connection: sqlite3.Connection) -> int:
        connection.executemany("INSERT INTO item (id) VALUES (?)", ((id_,) for id_ in ids))
        return len(ids)

    return work


def ask(file: Path, statement: str) -> list[int]:
    """What another process sees in the file."""
    with closing(sqlite3.connect(file)) as connection:
        return [row[0] for row in connection.execute(statement)]


def items(file: Path) -> list[int]:
    return ask(file, "SELECT id FROM item ORDER BY id")


@asynccontextmanager
async def held(database: Database) -> AsyncIterator[asyncio.Task[None]]:
    """The writer is inside a write, so that others wait behind it."""
    begun, release = threading.Event(), threading.Event()

    def hold(connection: sqlite3.Connection) -> None:
        begun.set()
        release.wait(10)
        insert(0)(connection)

    holding = asyncio.create_task(database.write(hold))
    assert await asyncio.to_thread(begun.wait, 5)
    try:
        yield holding
    finally:
        release.set()


async def waiting(database: Database, *works: Callable[[sqlite3.Connection], int]) -> list[asyncio.Task[int]]:
    """Writes that stand in the queue."""
    tasks = [asyncio.create_task(database.write(work)) for work in works]
    await asyncio.sleep(0)  # each has its turn, and in it enters the queue
    return tasks


def log_size(file: Path) -> int:
    """Bytes of the write-ahead log."""
    return Path(f"{file}-wal").stat().st_size


@pytest.fixture
def unmoved(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is committed stays in the write-ahead log: one that was moved as a whole begins anew, within its length."""
    monkeypatch.setattr(sqlite_checkpoint, "PERIOD_S", NEVER_S)


@contextmanager
def full_disk(file: Path) -> Iterator[None]:
    """Files cannot grow: the kernel refuses writes behind the present end of the write-ahead log. With `unmoved`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log_size(file), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
