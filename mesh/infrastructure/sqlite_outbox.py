"""The outbox of a service whose store is SQLite."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

from mesh.infrastructure.sqlite import Database
from mesh.outbox import Owed

SCHEMA: Final = "CREATE TABLE outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, payload BLOB NOT NULL)"
"""A migration step: put it into the schema of the service. AUTOINCREMENT, so that an id never comes back."""


def owe(connection: sqlite3.Connection, payloads: Iterable[bytes]) -> None:
    """Write down debts, inside the transaction of the change that owes them."""
    connection.executemany("INSERT INTO outbox (payload) VALUES (?)", ((payload,) for payload in payloads))


class SqliteOutbox:
    """`mesh.outbox.OutboxStore` over the database of a service."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def owed(self, limit: int) -> list[Owed]:
        """The oldest debts, in order, at most `limit`."""
        rows = await self._database.read(
            lambda connection: connection.execute(
                "SELECT id, payload FROM outbox ORDER BY id LIMIT ?", (limit,)
            ).fetchall()
        )
        return [Owed(id_, payload) for id_, payload in rows]

    async def paid(self, ids: Sequence[int]) -> None:
        """Forget these debts."""
        await self._database.write(
            lambda connection: connection.executemany("DELETE FROM outbox WHERE id = ?", ((id_,) for id_ in ids))
        )
