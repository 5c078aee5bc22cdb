"""The cursors in their store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mesh.infrastructure.sqlite import Database
from svc_ai.domain.ports import Cursor
from svc_ai.infrastructure.sqlite import SCHEMA, SqliteCursors


@pytest.fixture
async def cursors(tmp_path: Path) -> AsyncIterator[SqliteCursors]:
    database = Database(tmp_path / "ai.db", SCHEMA)
    await database.open()
    yield SqliteCursors(database)
    await database.close()


async def test_a_cursor_begins_at_the_beginning(cursors: SqliteCursors) -> None:
    """A conversation that nobody dealt with is read from its first entry."""
    assert await cursors.load("a", "c") == Cursor("a", "c")


async def test_a_cursor_only_rises(cursors: SqliteCursors) -> None:
    """A process that was slow cannot set back what a faster one has dealt with."""
    await cursors.save(Cursor("a", "c", 5, 6, 2))
    await cursors.save(Cursor("a", "c", 4))
    assert await cursors.load("a", "c") == Cursor("a", "c", 5, 6, 2)
    await cursors.save(Cursor("a", "c", 7))
    assert await cursors.load("a", "c") == Cursor("a", "c", 7)


async def test_the_newest_are_those_that_moved_last(cursors: SqliteCursors) -> None:
    """When there are more than one comparison can name, the quiet ones are left out."""
    for conversation in ("one", "two", "three", "one"):
        before = await cursors.load("a", conversation)
        await cursors.save(Cursor("a", conversation, before.seq + 1))
    await cursors.save(Cursor("b", "other", 1))
    assert [cursor.conversation_id for cursor in await cursors.newest("a", 2)] == ["one", "three"]
