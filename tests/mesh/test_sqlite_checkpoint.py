"""The thread that moves committed pages: that it always ends."""

import sqlite3
import threading
from pathlib import Path

from mesh.infrastructure.sqlite_checkpoint import Checkpointer


class Interrupted(threading.Event):
    """What wakes the thread; closes its owner just before it is cleared."""

    def __init__(self, checkpointer: Checkpointer) -> None:
        super().__init__()
        self._checkpointer = checkpointer
        self.closing = threading.Thread(target=checkpointer.close, daemon=True)

    def clear(self) -> None:
        """Let the close come first."""
        if self.closing.ident is None:
            self.closing.start()
            assert self._checkpointer._closed.wait(5)
            assert self.wait(5)
        super().clear()


def test_a_close_that_comes_as_a_move_begins_is_not_missed(tmp_path: Path) -> None:
    """The thread ends although the word that wakes it is taken for the one before."""
    checkpointer = Checkpointer(lambda: sqlite3.connect(tmp_path / "test.db"), "move")
    checkpointer._written = Interrupted(checkpointer)
    checkpointer.start()
    checkpointer.written()
    checkpointer._thread.join(5)
    assert not checkpointer._thread.is_alive()


def test_one_that_was_never_started_can_be_closed(tmp_path: Path) -> None:
    """A database that could not be opened closes what it has."""
    Checkpointer(lambda: sqlite3.connect(tmp_path / "test.db"), "move").close()
