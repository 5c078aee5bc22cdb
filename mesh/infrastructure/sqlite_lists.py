"""Lists of values in SQLite's statements."""

from collections.abc import Collection, Iterator
from typing import Any, Final, TypeVar

T = TypeVar("T")

CHUNK: Final = 500
"""Values of one IN list: below SQLite's limit of variables in any build."""


def chunks(values: Collection[T]) -> Iterator[list[T]]:
    """The values in pieces that fit into one IN list."""
    every = list(values)
    for start in range(0, len(every), CHUNK):
        yield every[start : start + CHUNK]


def marks(values: Collection[Any]) -> str:
    """One question mark a value."""
    return ",".join("?" * len(values))
