"""Strings of the wire to small integers of the store, remembered when they are durable."""

import sqlite3
from collections.abc import Mapping
from typing import Final

MAX_REMEMBERED: Final = 500_000
"""Keys in memory, about 100 bytes each; then the memory starts anew."""


class Known:
    """Keys of one table that are surely in the store."""

    def __init__(self, table: str) -> None:
        self.insert = f"INSERT INTO {table} (id) VALUES (?) ON CONFLICT DO NOTHING"  # noqa: S608 - our own table names
        self.select = f"SELECT key FROM {table} WHERE id = ?"  # noqa: S608 - our own table names
        self.keys: dict[str, int] = {}

    def remember(self, keys: Mapping[str, int]) -> None:
        """Remember keys that were committed."""
        if len(self.keys) + len(keys) > MAX_REMEMBERED:
            self.keys.clear()
        self.keys.update(keys)


class Keys:
    """Keys as one write sees them.

    What the write makes is remembered when it is durable and not before: a write may be undone as late as by its
    commit, and its keys would then be given to others.
    """

    def __init__(self, known: Known) -> None:
        self._known = known
        self._fresh: dict[str, int] = {}

    def of(self, connection: sqlite3.Connection, id_: str) -> int:
        """The key of an id, made when it is new."""
        key = self._known.keys.get(id_) or self._fresh.get(id_)
        if key is None:
            connection.execute(self._known.insert, (id_,))
            key = int(connection.execute(self._known.select, (id_,)).fetchone()[0])
            self._fresh[id_] = key
        return key

    def keep(self) -> None:
        """Remember what the write made: it is durable."""
        self._known.remember(self._fresh)
