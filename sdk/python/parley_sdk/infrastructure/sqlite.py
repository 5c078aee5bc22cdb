"""The state of one device in a SQLite file that only its owner can read, or in memory."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path
from typing import Final

from parley_sdk.credentials import Credentials
from parley_sdk.errors import Code, ParleyError
from parley_sdk.machine.actions import DropSend, ForgetPlace, KeepPlace, KeepSend, StoreAction
from parley_sdk.machine.saved import Saved, SavedPlace, SavedSend

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS credentials (
  one INTEGER PRIMARY KEY CHECK (one = 1), user_id TEXT, username TEXT, device_id TEXT, session_id TEXT,
  access_token TEXT, access_expires_at_ms INTEGER, refresh_token TEXT);
CREATE TABLE IF NOT EXISTS device (username TEXT PRIMARY KEY, device_id TEXT);
CREATE TABLE IF NOT EXISTS device_key (username TEXT PRIMARY KEY, device_key TEXT);
CREATE TABLE IF NOT EXISTS number (one INTEGER PRIMARY KEY CHECK (one = 1), last INTEGER);
CREATE TABLE IF NOT EXISTS place (
  conversation_id TEXT PRIMARY KEY, seq INTEGER, read_seq INTEGER, wanted_read_seq INTEGER, peer_read_seq INTEGER);
CREATE TABLE IF NOT EXISTS send (client_message_id INTEGER PRIMARY KEY, send BLOB);
"""


class Store:
    """What outlives a restart. One client at a time: the file is locked while it is open.

    A write survives a crash of the process; after a crash of the machine the last moments may be missing, which costs
    no more than some entries that are handed to the app again.
    """

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            _make_private(path)
        self._connection = sqlite3.connect(path or ":memory:", isolation_level=None, timeout=0.0)
        try:
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.executescript(_SCHEMA)
        except sqlite3.OperationalError as error:
            self._connection.close()
            raise ParleyError(Code.FAILED_PRECONDITION, "STATE_IN_USE", f"cannot use {path}: {error}") from error

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    def credentials(self) -> Credentials | None:
        """Return the session, None when nobody is logged in."""
        row = self._connection.execute(
            "SELECT user_id, username, device_id, session_id, access_token, access_expires_at_ms, refresh_token"
            " FROM credentials"
        ).fetchone()
        return Credentials(*row) if row else None

    def keep_credentials(self, credentials: Credentials) -> None:
        """Keep the session. What another user left in this file goes."""
        before = self.credentials()
        with self._transaction() as connection:
            if before is None or before.user_id != credentials.user_id:
                _clear(connection)
            values = astuple(credentials)
            connection.execute("INSERT OR REPLACE INTO credentials VALUES (1, ?, ?, ?, ?, ?, ?, ?)", values)
            device = (credentials.username, credentials.device_id)
            connection.execute("INSERT OR REPLACE INTO device VALUES (?, ?)", device)

    def forget_credentials(self) -> None:
        """Forget the session and what belongs to it; the device keeps its id for the next log-in."""
        with self._transaction() as connection:
            _clear(connection)

    def device_id(self, username: str) -> str:
        """Return the device that an earlier log-in of this user here was given; empty when there was none."""
        row = self._connection.execute("SELECT device_id FROM device WHERE username = ?", (username,)).fetchone()
        return str(row[0]) if row else ""

    def device_key(self, username: str) -> str:
        """Return what proves to this user's account that it knows this device; empty when nothing does."""
        sql = "SELECT device_key FROM device_key WHERE username = ?"
        row = self._connection.execute(sql, (username,)).fetchone()
        return str(row[0]) if row else ""

    def keep_device_key(self, username: str, device_key: str) -> None:
        """Keep it for the next log-in, which may be after a log-out."""
        self._connection.execute("INSERT OR REPLACE INTO device_key VALUES (?, ?)", (username, device_key))

    def last_number(self) -> int:
        """Return the largest client_message_id that was used."""
        row = self._connection.execute("SELECT last FROM number").fetchone()
        return int(row[0]) if row else 0

    def saved(self) -> Saved:
        """Return what a state machine starts from."""
        places = self._connection.execute(
            "SELECT conversation_id, seq, read_seq, wanted_read_seq, peer_read_seq FROM place ORDER BY rowid"
        )
        sends = self._connection.execute("SELECT client_message_id, send FROM send ORDER BY client_message_id")
        credentials = self.credentials()
        return Saved(
            tuple(SavedPlace(*row) for row in places),
            tuple(SavedSend(*row) for row in sends),
            user_id=credentials.user_id if credentials else "",
        )

    def apply(self, actions: Iterable[StoreAction]) -> None:
        """Do what the state machine asks for, all of it or nothing. Raises ParleyError (STATE_UNWRITABLE)."""
        try:
            with self._transaction() as connection:
                for action in actions:
                    _apply(connection, action)
        except sqlite3.Error as error:
            raise ParleyError(Code.INTERNAL, "STATE_UNWRITABLE", str(error)) from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")


def _make_private(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    path.chmod(0o600)


def _clear(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM credentials")
    connection.execute("DELETE FROM place")
    connection.execute("DELETE FROM send")


def _apply(connection: sqlite3.Connection, action: StoreAction) -> None:
    match action:
        case KeepSend(SavedSend(number, send)):
            connection.execute("INSERT INTO send VALUES (?, ?)", (number, send))
            connection.execute("INSERT OR REPLACE INTO number VALUES (1, ?)", (number,))
        case DropSend(number):
            connection.execute("DELETE FROM send WHERE client_message_id = ?", (number,))
        case KeepPlace(place):
            connection.execute("INSERT OR REPLACE INTO place VALUES (?, ?, ?, ?, ?)", astuple(place))
        case ForgetPlace(conversation_id):
            connection.execute("DELETE FROM place WHERE conversation_id = ?", (conversation_id,))
