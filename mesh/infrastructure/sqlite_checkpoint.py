"""Moves what was committed from the write-ahead log into the database file, so that no commit has to wait for it.

By default SQLite does that inside the commit that makes the log 1,000 pages long: it then writes and syncs the file
while all senders wait, for tens of milliseconds, several times a second under load. Here a thread of its own does it a
few times a second, and pages that were written often meanwhile are moved once.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Callable
from typing import Final

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
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def written(self) -> None:
        """There is something to move."""
        self._written.set()

    def close(self) -> None:
        """End, when the move that is under way has ended."""
        self._closed.set()
        self._written.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        connection = self._connect()
        while not self._closed.is_set():
            self._written.wait()
            if self._closed.wait(PERIOD_S):
                break
            self._written.clear()  # a close that comes here is seen by the next look at it
            # A full disk, or another process that moves at this moment: the next time finds the same and more.
            with contextlib.suppress(sqlite3.Error):
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        connection.close()
