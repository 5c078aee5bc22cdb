"""SQLite as a member of the mesh uses it: one writer thread that commits in groups, a few reader threads.

Each service keeps its own file and its own schema; what is here is the same for all of them.
`synchronous=FULL` with WAL: a resolved `write` is on the disk and survives a power cut.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

import structlog

from mesh import errors
from mesh.errors import Reason
from mesh.infrastructure.sqlite_checkpoint import MAX_LOG_PAGES, Checkpointer
from mesh.infrastructure.sqlite_schema import migrate
from mesh.settings import SettingError
from mesh.vitals import part_free

T = TypeVar("T")

READERS = 2
"""Reader connections. SQLite readers hold the GIL most of the time; more of them only cost memory."""

BUSY_MS = 5_000
"""How long a statement waits for another process that writes to the same file, in milliseconds."""

BUSY_PAUSE_S = 0.02  # between two looks whether somebody else has moved the log

CACHE_KIB = 32 * 1024
"""Pages that a connection keeps, in KiB: enough for the parts of the indices where rows are being added."""

MAX_GROUP = 64
"""How many waiting writes share one commit. Beyond this the fsync is already spread thin."""


@dataclass(slots=True)
class _Write:
    work: Callable[[sqlite3.Connection], Any]
    done: asyncio.Future[Any]


_Outcome = tuple[Any, Exception | None]


def path_of(store_url: str) -> Path:
    """The file of a store URL, `sqlite:<path>`. Raises SettingError for any other."""
    scheme, _, path = store_url.partition(":")
    if scheme != "sqlite" or not path:
        raise SettingError("STORE_URL: must be sqlite:<path>")
    return Path(path)


def unavailable() -> errors.MeshError:
    """The error of a store that cannot answer now. The driver's text stays here: it may quote a row."""
    return errors.unavailable(Reason.STORE_UNAVAILABLE, "the store cannot answer now; try again", retry_after=1.0)


class Database:
    """One SQLite file with one writer and `READERS` readers.

    `schema` is a list of migration steps, see `sqlite_schema`. With `erases` nothing that was deleted or overwritten
    stays in the pages of the file; what stays in the log beside it goes with `scrub`.
    """

    def __init__(self, path: Path, schema: Sequence[str], *, erases: bool = False) -> None:
        self._path = path
        self._erases = erases
        self._schema = tuple(schema)
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writing: sqlite3.Connection | None = None
        self._writer = threading.Thread(target=self._write_loop, name=f"sqlite-{path.stem}", daemon=True)
        self._checkpointer = Checkpointer(self._connect, f"sqlite-{path.stem}-move")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix=f"sqlite-{path.stem}-read")
        self._local = threading.local()
        self._open_readers: list[sqlite3.Connection] = []
        self._failing = ""
        self.reads = 0
        """Times that something was read, since the start."""

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Create the file when it is not there, bring it to the newest schema, and start the writer.

        Raises SettingError when the file cannot be used: no place, no right to write, damaged, or of a newer schema.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._path.touch(mode=0o600)  # messages are read by the service alone, and what SQLite adds follows this
            await asyncio.to_thread(self._migrate)
            self._writing = await asyncio.to_thread(self._connect)  # a writer that cannot have one would answer nobody
        except (OSError, sqlite3.Error) as error:
            raise SettingError(f"STORE_URL: cannot use {self._path}: {error}") from error
        self._loop = asyncio.get_running_loop()
        self._writer.start()
        self._checkpointer.start()

    async def close(self) -> None:
        """Finish what waits, then close all connections."""
        if self._writer.ident is not None:
            self._queue.put(None)
            await asyncio.to_thread(self._writer.join)
            await asyncio.to_thread(self._checkpointer.close)
        self._readers.shutdown(wait=True)
        for connection in self._open_readers:
            connection.close()

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in a transaction and return its result when that is on the disk.

        What waits at the same time shares the commit; each has its own savepoint, so an error in one undoes that
        one alone. Raises what `work` raises, and UNAVAILABLE for errors of the store itself.
        """
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.put(_Write(work, done))
        return await done

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` on a reader connection; it sees everything committed before. UNAVAILABLE as for `write`."""
        self.reads += 1
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    @property
    def away(self) -> bool:
        """Whether the last commit failed because of the store."""
        return bool(self._failing)

    @property
    def unmoved(self) -> bool:
        """Whether what was committed stays in the log, because nothing can be moved from it."""
        return self._checkpointer.failing

    def free(self) -> float | None:
        """The part of the disk of the file that is free, 0 to 1; None when that cannot be found out."""
        return part_free(self._path.parent)

    async def scrub(self) -> None:
        """Empty the write-ahead log, which holds old pages until it is written anew.

        UNAVAILABLE while somebody reads in it for longer than `BUSY_MS`, or another process moves it all the time.
        """
        await asyncio.to_thread(self._scrub)

    def _scrub(self) -> None:
        """Wait for readers and writers as SQLite does, and for a move of the log, which SQLite refuses to wait for."""
        last_try = time.monotonic() + BUSY_MS / 1_000
        with contextlib.closing(self._connect()) as connection:
            while self._log_is_busy(connection):
                if time.monotonic() > last_try:
                    raise unavailable()
                time.sleep(BUSY_PAUSE_S)

    def _log_is_busy(self, connection: sqlite3.Connection) -> bool:
        try:
            with self._checkpointer.at_rest():
                return bool(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])
        except sqlite3.Error as error:
            raise unavailable() from error

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return work(self._reader())
        except sqlite3.Error as error:
            raise unavailable() from error

    def _reader(self) -> sqlite3.Connection:
        if not hasattr(self._local, "connection"):
            self._local.connection = self._connect()
            self._open_readers.append(self._local.connection)
        connection: sqlite3.Connection = self._local.connection
        return connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        if self._erases:
            connection.execute("PRAGMA secure_delete = ON")
        connection.execute(f"PRAGMA wal_autocheckpoint = {MAX_LOG_PAGES}")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def _migrate(self) -> None:
        with contextlib.closing(self._connect()) as connection:
            migrate(connection, self._path, self._schema)

    def _write_loop(self) -> None:
        connection = self._writing or self._connect()
        while True:
            group = self._next_group()
            if not group:
                break
            outcomes, failure = _commit(connection, group)
            self._heed(failure)
            self._checkpointer.written()
            self._answer(group, outcomes)
        connection.close()

    def _answer(self, group: list[_Write], outcomes: Sequence[_Outcome]) -> None:
        """Resolve the futures of a group, in one call across threads."""
        with contextlib.suppress(RuntimeError):  # a loop that has ended waits for nothing
            if self._loop is not None:
                self._loop.call_soon_threadsafe(_resolve, group, outcomes)

    def _heed(self, failure: Exception | None) -> None:
        """Tell an operator when the store begins to fail and when it works again, and not for each write between."""
        name = type(failure).__name__ if failure else ""
        if name != self._failing:
            log = structlog.get_logger()
            if failure:
                log.error("store_failing", file=self._path.name, exception=name, code=_error_name(failure))
            else:
                log.warning("store_works_again", file=self._path.name)
            self._failing = name

    def _next_group(self) -> list[_Write]:
        """Wait for a write, then take what waits with it. Empty: the database closes."""
        first = self._queue.get()
        if first is None:
            return []
        group = [first]
        while len(group) < MAX_GROUP and not self._queue.empty():
            following = self._queue.get()
            if following is None:
                self._queue.put(None)
                break
            group.append(following)
        return group


def _commit(connection: sqlite3.Connection, group: list[_Write]) -> tuple[Sequence[_Outcome], Exception | None]:
    """Run the group in one transaction and return what became of each write, to be told after the commit, never before.

    Returns besides what kept the store from committing. Nothing is raised: the writer must live.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        outcomes = [_attempt(connection, write) for write in group]
        connection.execute("COMMIT")
    except Exception as error:  # noqa: BLE001 - it goes to those who wait, and to the operator
        _roll_back(connection)
        return [(None, unavailable() if isinstance(error, sqlite3.Error) else error) for _ in group], error
    return outcomes, None


def _resolve(group: list[_Write], outcomes: Sequence[_Outcome]) -> None:
    for write, (result, failure) in zip(group, outcomes, strict=True):
        if write.done.done():
            continue  # who waited has gone
        if failure is None:
            write.done.set_result(result)
        else:
            write.done.set_exception(failure)


def _attempt(connection: sqlite3.Connection, write: _Write) -> _Outcome:
    """Run one write inside its savepoint. SQLite itself ends the transaction on a full disk: that error goes up."""
    if write.done.cancelled():
        return None, None
    connection.execute("SAVEPOINT one")
    try:
        result = write.work(connection)
    except Exception as error:
        if not connection.in_transaction:
            raise
        connection.execute("ROLLBACK TO one")
        connection.execute("RELEASE one")
        return None, unavailable() if isinstance(error, sqlite3.Error) else error
    connection.execute("RELEASE one")
    return result, None


def _roll_back(connection: sqlite3.Connection) -> None:
    with contextlib.suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _error_name(error: Exception) -> str:
    """SQLite's own name of an error, such as SQLITE_FULL; never its text, which may quote a row."""
    return str(getattr(error, "sqlite_errorname", ""))
