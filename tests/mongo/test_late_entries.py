"""A reader of all entries misses none that became visible behind what it had read."""

import time
from collections.abc import AsyncIterator

import pytest
from bson import ObjectId

from mesh.infrastructure.mongo import Database, Document
from svc_message.domain.conversation import ConversationId, DeviceId, Seq, UserId, direct_id
from svc_message.domain.entry import Draft, EntryKind, Row, Stored
from svc_message.infrastructure.mongo import SCHEMA, MongoFeed, MongoLog
from svc_message.infrastructure.mongo import feed as feed_module
from svc_message.infrastructure.mongo.documents import document_of
from svc_message.infrastructure.mongo.feed import MongoFeedReader
from tests.mongo.server import fresh_url

pytestmark = pytest.mark.real

ANN, BOB, EVE = (UserId("u" + letter * 15) for letter in "abe")
CHAT, OTHER = direct_id(ANN, BOB), direct_id(ANN, EVE)


@pytest.fixture
async def database(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    """Return an empty store whose readers look back each time."""
    monkeypatch.setattr(feed_module, "LOOK_BACK_S", 0.0)
    async with fresh_url() as url, Database(url, SCHEMA, call_s=30.0) as opened:
        yield opened


def entry(conversation_id: ConversationId, seq: int, seconds_ago: float) -> Document:
    """An entry whose sender's clock, or whose way to the disk, makes it so old."""
    content = f"{conversation_id} {seq}".encode()
    draft = Draft(conversation_id, ANN, DeviceId("d" + "1" * 15), seq, EntryKind.POST, content)
    moment = int(time.time() - seconds_ago)
    id_ = ObjectId(moment.to_bytes(4, "big") + ObjectId().binary[4:])
    return {"_id": id_} | document_of(Row(draft, Seq(seq), 1_000 + seq, content))


async def told(reader: MongoFeedReader) -> list[tuple[str, int]]:
    """What a reader tells until it has nothing more."""
    found: list[Stored] = []
    while some := await reader.read(3):
        found += some
    return [(one.conversation_id, one.seq) for one in found]


async def test_one_that_came_late_is_told(database: Database) -> None:
    """An entry with a smaller id than what was read, in a log that was not told of yet, is found by looking back."""
    log, reader = MongoLog(database), MongoFeed(database).reader(int(time.time()) - 60)
    await log.insert([entry(CHAT, 1, 2)])
    assert await told(reader) == [(CHAT, 1)]
    await log.insert([entry(OTHER, 1, 9)])
    assert await told(reader) == [(OTHER, 1)]
    assert await told(reader) == []


async def test_the_last_of_a_log_may_be_the_late_one(database: Database) -> None:
    """Entries of a node whose clock is behind follow those of another one: they are told after them, each once."""
    log, reader = MongoLog(database), MongoFeed(database).reader(int(time.time()) - 60)
    await log.insert([entry(CHAT, 1, 1), entry(CHAT, 2, 1)])
    assert await told(reader) == [(CHAT, 1), (CHAT, 2)]
    await log.insert([entry(CHAT, 3, 8), entry(CHAT, 4, 8), entry(CHAT, 5, 0)])
    assert await told(reader) == [(CHAT, 3), (CHAT, 4), (CHAT, 5)]


async def test_a_log_that_is_met_in_its_middle_is_told_from_before(database: Database) -> None:
    """When the newer entry has the smaller id, what comes before it in the log is told first."""
    log, reader = MongoLog(database), MongoFeed(database).reader(int(time.time()) - 60)
    await log.insert([entry(CHAT, seq, 5) for seq in range(1, 9)])
    await log.insert([entry(CHAT, 9, 9), entry(CHAT, 10, 9)])
    assert await told(reader) == [(CHAT, seq) for seq in range(1, 11)]


async def test_what_is_older_than_the_beginning_is_not_told(database: Database) -> None:
    """A new reader begins with what came after its place, not with the whole log of a conversation that goes on."""
    log = MongoLog(database)
    await log.insert([entry(CHAT, seq, 500 - seq) for seq in range(1, 121)])
    await log.insert([entry(CHAT, 121, 1)])
    reader = MongoFeed(database).reader(int(time.time()) - 20)
    assert await told(reader) == [(CHAT, 121)]


async def test_another_reader_misses_nothing_that_came_late(database: Database) -> None:
    """From the place of the first reader a second one tells what became visible behind it after it had ended."""
    log, first = MongoLog(database), MongoFeed(database).reader(int(time.time()) - 60)
    await log.insert([entry(CHAT, 1, 3), entry(CHAT, 2, 0)])
    await told(first)
    await log.insert([entry(OTHER, 1, 9), entry(CHAT, 3, 6)])
    again = await told(MongoFeed(database).reader(first.place))
    assert [seq for chat, seq in again if chat == CHAT] == [1, 2, 3]
    assert (OTHER, 1) in again


async def test_when_too_many_logs_are_known_it_begins_anew(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forgetting what was told repeats some entries, in order, and misses none."""
    monkeypatch.setattr(feed_module, "MAX_KNOWN", 2)
    log, reader = MongoLog(database), MongoFeed(database).reader(int(time.time()) - 60)
    chats = [direct_id(ANN, UserId("u" + letter * 15)) for letter in "bcdefg"]
    for seq in (1, 2):
        await log.insert([entry(chat, seq, 2 - seq) for chat in chats])
        found = [one for _ in range(4) for one in await told_once(reader)]
        for chat in chats:
            seqs = [one for where, one in found if where == chat]
            assert seqs[-1] == seq


async def told_once(reader: MongoFeedReader) -> list[tuple[str, int]]:
    """What one read gives."""
    return [(one.conversation_id, one.seq) for one in await reader.read(100)]
