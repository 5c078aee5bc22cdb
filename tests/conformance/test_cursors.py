"""What every store of cursors must do, whatever it is made of."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from svc_ai.domain.ports import Cursor, Cursors
from tests.conformance.ai_stores import STORES, Stores


@pytest.fixture(params=STORES)
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    """Return an empty store of each kind."""
    async with request.param(tmp_path) as made:
        yield made


@pytest.fixture
def cursors(stores: Stores) -> Cursors:
    """Return it as one process has it."""
    return stores.ours.cursors


async def test_a_cursor_begins_at_the_beginning(cursors: Cursors) -> None:
    """A conversation that nobody dealt with is read from its first entry."""
    assert await cursors.load("a", "c") == Cursor("a", "c")


async def test_a_cursor_only_rises(cursors: Cursors) -> None:
    """A process that was slow cannot set back what a faster one has dealt with."""
    await cursors.save(Cursor("a", "c", 5, 6, 2))
    await cursors.save(Cursor("a", "c", 4))
    assert await cursors.load("a", "c") == Cursor("a", "c", 5, 6, 2)
    await cursors.save(Cursor("a", "c", 7))
    assert await cursors.load("a", "c") == Cursor("a", "c", 7)


async def test_the_newest_are_those_that_moved_last(cursors: Cursors) -> None:
    """When there are more than one comparison can name, the quiet ones are left out."""
    for conversation in ("one", "two", "three", "one"):
        before = await cursors.load("a", conversation)
        await cursors.save(Cursor("a", conversation, before.seq + 1))
    await cursors.save(Cursor("b", "other", 1))
    assert [cursor.conversation_id for cursor in await cursors.newest("a", 2)] == ["one", "three"]


async def test_a_cursor_rises_in_two_processes(stores: Stores) -> None:
    """Whatever order two processes save in at once, the cursor ends at the highest place."""
    places = [(place * 7) % 40 for place in range(40)]
    both = [stores.ours.cursors, stores.theirs.cursors] * 20
    await asyncio.gather(*(one.save(Cursor("a", "c", place)) for one, place in zip(both, places, strict=True)))
    assert await stores.ours.cursors.load("a", "c") == Cursor("a", "c", 39)
    assert await stores.theirs.cursors.newest("a", 2) == [Cursor("a", "c", 39)]
