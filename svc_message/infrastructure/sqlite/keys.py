"""Strings of the wire to small integers of the store, remembered by the writer."""

import sqlite3
from collections.abc import Collection, Iterable, Iterator
from typing import Final, TypeVar

MAX_REMEMBERED: Final = 500_000
"""Keys in memory, about 100 bytes each; then the memory starts anew."""

CHUNK: Final = 500
"""Values of one IN list: below SQLite's limit of variables in any build."""

T = TypeVar("T")


class Keys:
    """Keys of one table. Used by the writer thread alone; emptied when a write was undone, since its keys are too."""

    def __init__(self, table: str) -> None:
        self._insert = f"INSERT INTO {table} (id) VALUES (?) ON CONFLICT DO NOTHING"  # noqa: S608 - our own table names
        self._select = f"SELECT key FROM {table} WHERE id = ?"  # noqa: S608 - our own table names
        self._known: dict[str, int] = {}

    def of(self, connection: sqlite3.Connection, id_: str) -> int:
        """The key of an id, made when it is new."""
        key = self._known.get(id_)
        if key is None:
            connection.execute(self._insert, (id_,))
            key = int(connection.execute(self._select, (id_,)).fetchone()[0])
            self._remember(id_, key)
        return key

    def forget(self) -> None:
        """Forget all: a write was undone."""
        self._known.clear()

    def _remember(self, id_: str, key: int) -> None:
        if len(self._known) >= MAX_REMEMBERED:
            self._known.clear()
        self._known[id_] = key


def chunks(values: Collection[T]) -> Iterator[list[T]]:
    """The values in pieces that fit into one IN list."""
    all_values = list(values)
    for start in range(0, len(all_values), CHUNK):
        yield all_values[start : start + CHUNK]


def marks(values: Iterable[object]) -> str:
    """One question mark a value."""
    return ",".join("?" for _ in values)
