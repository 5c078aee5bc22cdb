"""Moves what was committed from the write-ahead log into the database file, so that no commit has to wait for it.

By default SQLite does that inside the commit that makes the log 1,000 pages long: it then writes and syncs the file
while all senders wait, for tens of milliseconds, several times a second under load. Here a thread of its own does it a
few times a second, and pages that were written often meanwhile are moved once.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from typing import Final

import structlog

PERIOD_S: Final = 0.25

MAX_LOG_PAGES: Final = 16_384
"""Pages of 4 KiB, 64 MiB, after which commits move the rest themselves: under load that never pauses the thread always
leaves a rest, and only a log that was moved as a whole begins anew."""


class Checkpointer:
    """The thread of one database."""

    def __init__(self, connect: Callable[[], sqlite3.Connection], name: str) -> None:
        self._connect = connect
        self._written = threading.Event()
        self._closed = threading.Event()
        self._moving = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._failing = False

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def failing(self) -> bool:
        """Whether nothing can be moved now: the log only grows."""
        return self._failing

    def written(self) -> None:
        """There is something to move."""
        self._written.set()

    @contextlib.contextmanager
    def at_rest(self) -> Iterator[None]:
        """Nothing is moved in here: SQLite lets one at a time, and does not wait for the other."""
        with self._moving:
            yield

    def close(self) -> None:
        """End, when the move that is under way has ended."""
        self._closed.set()
        self._written.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        while not self._closed.is_set():
            self._written.wait()
            if self._closed.wait(PERIOD_S):
                break
            self._written.clear()  # a close that comes here is seen by the next look at it
            connection = connection or self._open()
            if connection is not None:
                self._move(connection)
        if connection is not None:
            connection.close()

    def _open(self) -> sqlite3.Connection | None:
        """A connection; None where there is none to be had, which is tried again: without moves the log only grows."""
        try:
            connection = self._connect()
        except sqlite3.Error as error:
            self._written.set()
            self._heed(error)
            return None
        self._heed(None)
        return connection

    def _heed(self, failure: sqlite3.Error | None) -> None:
        """Tell an operator when nothing can be moved and when it can be again, and not of each try between."""
        if bool(failure) != self._failing:
            log = structlog.get_logger()
            if failure:
                log.error("log_not_moved", thread=self._thread.name, code=getattr(failure, "sqlite_errorname", ""))
            else:
                log.warning("log_moved_again", thread=self._thread.name)
            self._failing = not self._failing

    def _move(self, connection: sqlite3.Connection) -> None:
        # A full disk, or another process that moves at this moment: the next time finds the same and more.
        with contextlib.suppress(sqlite3.Error), self._moving:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
