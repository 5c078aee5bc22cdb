"""What every store keeps of those who are told while they are away: how far each node is, and what was told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mesh.infrastructure import mongo as mongodb
from mesh.infrastructure.sqlite import Database
from svc_message.domain.conversation import Seq, UserId
from svc_message.domain.push.marks import PushMark, PushMarks, Told
from svc_message.infrastructure import mongo as mongo_store
from svc_message.infrastructure.sqlite import SCHEMA, SqlitePushMarks
from tests.mongo.server import SERVER, fresh_url

ANN, BOB = (UserId("u" + letter * 15) for letter in "ab")
CHAT, NOTICE = Told(ANN, f"{ANN}-{BOB}"), Told(ANN, f"join/g{'1' * 15}/{BOB}")


@asynccontextmanager
async def sqlite(folder: Path) -> AsyncIterator[PushMarks]:
    """The embedded store."""
    async with Database(folder / "message.db", SCHEMA) as database:
        yield SqlitePushMarks(database)


@asynccontextmanager
async def mongo(_: Path) -> AsyncIterator[PushMarks]:
    """A database of a MongoDB server."""
    async with fresh_url() as url, mongodb.Database(url, mongo_store.SCHEMA, call_s=30.0) as database:
        yield mongo_store.MongoPushMarks(database)


STORES = [pytest.param(sqlite, id="sqlite")]
if SERVER:
    STORES.append(pytest.param(mongo, id="mongo", marks=pytest.mark.real))


@pytest.fixture(params=STORES)
async def marks(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[PushMarks]:
    """Each adapter in turn, empty."""
    async with request.param(tmp_path) as opened:
        yield opened


async def test_each_node_has_one_mark(marks: PushMarks) -> None:
    """The latest one counts, also a lower one: what was lost may lie before it."""
    assert await marks.all() == {}
    await marks.save("one", PushMark(7, 1_000), {})
    await marks.save("two", PushMark(9, 2_000), {})
    await marks.save("one", PushMark(5, 3_000), {})
    assert await marks.all() == {"one": PushMark(5, 3_000), "two": PushMark(9, 2_000)}


async def test_a_mark_is_dropped_only_as_it_was_seen(marks: PushMarks) -> None:
    """A node that has saved another one since is not gone; what is dropped twice stays dropped."""
    await marks.save("one", PushMark(7, 1_000), {})
    await marks.save("one", PushMark(7, 2_000), {})
    await marks.drop("one", PushMark(7, 1_000))
    assert await marks.all() == {"one": PushMark(7, 2_000)}
    for _ in range(2):
        await marks.drop("one", PushMark(7, 2_000))
    assert await marks.all() == {}


async def test_what_was_told_only_rises(marks: PushMarks) -> None:
    """Two nodes that tell the same user leave the higher place, each subject has its own, and unknown ones are left
    out.
    """
    await marks.save("one", PushMark(7, 1_000), {CHAT: Seq(5), NOTICE: Seq(2)})
    await marks.save("two", PushMark(7, 1_000), {CHAT: Seq(4)})
    stranger = Told(BOB, CHAT.subject)
    assert await marks.told([CHAT, NOTICE, stranger]) == {CHAT: 5, NOTICE: 2}
    assert await marks.told([]) == {}


async def test_what_was_told_is_forgotten_with_its_mark(marks: PushMarks) -> None:
    """What was told with an older mark goes; what was told again since stays."""
    await marks.save("one", PushMark(1, 1_000), {CHAT: Seq(1), NOTICE: Seq(2)})
    await marks.save("one", PushMark(2, 2_000), {CHAT: Seq(3)})
    await marks.forget(2_000)
    assert await marks.told([CHAT, NOTICE]) == {CHAT: 3}


async def test_many_are_told_at_once(marks: PushMarks) -> None:
    """As many as one turn of a busy node tells are kept, and found, in one call."""
    told = {Told(UserId(f"u{number:015d}"), CHAT.subject): Seq(number) for number in range(1, 1_801)}
    await marks.save("one", PushMark(1, 1_000), told)
    assert await marks.told(told) == told
