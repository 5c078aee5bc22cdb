"""`svc_message.domain.administration.statistics.Statistics` on SQLite: entries in the order of their rows."""

import sqlite3
from typing import Any, Final, NamedTuple

from mesh.infrastructure.sqlite import Database
from svc_message.domain.administration.statistics import DayCount

SCHEMA: Final = """
    CREATE TABLE counted (reached INTEGER NOT NULL, until_ms INTEGER NOT NULL);
    INSERT INTO counted VALUES (0, 0);
    CREATE TABLE day_count (
        day INTEGER PRIMARY KEY,
        posts INTEGER NOT NULL,
        entries INTEGER NOT NULL,
        new_conversations INTEGER NOT NULL
    );
    CREATE TABLE day_user (day INTEGER NOT NULL, user INTEGER NOT NULL, PRIMARY KEY (day, user)) WITHOUT ROWID
"""
"""A migration step. `reached` is the last row of `entry` that was counted."""

COUNT: Final = """
    SELECT sent_at_ms / 86400000, sum(kind = 1), count(*), sum(seq = 1) FROM entry
    WHERE rowid > ? AND rowid <= ? GROUP BY 1
"""
WRITERS: Final = """
    SELECT DISTINCT sent_at_ms / 86400000, sender FROM entry WHERE rowid > ? AND rowid <= ? AND kind = 1
"""
ADD: Final = """
    INSERT INTO day_count VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET posts = posts + excluded.posts,
        entries = entries + excluded.entries, new_conversations = new_conversations + excluded.new_conversations
"""
DAYS: Final = """
    SELECT day, posts, entries, (SELECT count(*) FROM day_user u WHERE u.day = d.day), new_conversations
    FROM day_count d WHERE day >= ? ORDER BY day DESC
"""


class _Stretch(NamedTuple):
    """Rows that were counted, and what they add."""

    before: int
    reached: int
    until_ms: int
    days: list[tuple[Any, ...]]
    writers: list[tuple[Any, ...]]
    more: bool


class SqliteStatistics:
    """Counted on a reader; what it adds is kept if nobody counted the same rows meanwhile."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self, now_ms: int, limit: int) -> bool:  # noqa: ARG002 - rows are in order at once
        """See the port."""
        stretch = await self._database.read(lambda connection: _count(connection, limit))
        if stretch.reached > stretch.before:
            await self._database.write(lambda connection: _keep(connection, stretch))
        return stretch.more

    async def days(self, since_day: int) -> list[DayCount]:
        """See the port."""
        rows = await self._database.read(lambda connection: connection.execute(DAYS, (since_day,)).fetchall())
        return [DayCount(*row) for row in rows]

    async def counted_until_ms(self) -> int:
        """See the port."""
        sql = "SELECT until_ms FROM counted"
        row = await self._database.read(lambda connection: connection.execute(sql).fetchone())
        return int(row[0])


def _count(connection: sqlite3.Connection, limit: int) -> _Stretch:
    before = connection.execute("SELECT reached FROM counted").fetchone()[0]
    newest = connection.execute("SELECT coalesce(max(rowid), 0) FROM entry").fetchone()[0]
    reached = min(newest, before + limit)
    days = connection.execute(COUNT, (before, reached)).fetchall()
    writers = connection.execute(WRITERS, (before, reached)).fetchall()
    sql = "SELECT coalesce(max(sent_at_ms), 0) FROM entry WHERE rowid > ? AND rowid <= ?"
    until_ms = connection.execute(sql, (before, reached)).fetchone()[0]
    return _Stretch(before, reached, until_ms, days, writers, newest > reached)


def _keep(connection: sqlite3.Connection, stretch: _Stretch) -> None:
    sql = "UPDATE counted SET reached = ?, until_ms = max(until_ms, ?) WHERE reached = ?"
    if connection.execute(sql, (stretch.reached, stretch.until_ms, stretch.before)).rowcount != 1:
        return
    connection.executemany(ADD, stretch.days)
    connection.executemany("INSERT INTO day_user VALUES (?, ?) ON CONFLICT DO NOTHING", stretch.writers)
