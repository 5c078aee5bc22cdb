"""What every store keeps for sinks: all entries as they come, how far each sink is, and its dead letters."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mesh.infrastructure import mongo as mongodb
from mesh.infrastructure.sqlite import Database
from svc_message.domain.conversation import ConversationId, DeviceId, Seq, UserId, direct_id
from svc_message.domain.entry import Draft, EntryKind, Row, Stored
from svc_message.domain.outside import sink
from svc_message.domain.outside.sink import Feed, FeedReader, Letter, Letters, SinkPlaces, letter_id
from svc_message.domain.ports import Clash, Log
from svc_message.infrastructure import mongo as mongo_store
from svc_message.infrastructure import sqlite as sqlite_store
from tests.mongo.server import SERVER, fresh_url

ANN, BOB, EVE = (UserId("u" + letter * 15) for letter in "abe")
CHAT, OTHER = direct_id(ANN, BOB), direct_id(ANN, EVE)
PHONE = DeviceId("d" + "1" * 15)

SLOW_S = 30.0


@dataclass(frozen=True)
class Kept:
    """One process's view of a store."""

    log: Log
    feed: Feed
    places: SinkPlaces
    letters: Letters


@asynccontextmanager
async def sqlite(folder: Path) -> AsyncIterator[tuple[Kept, Kept]]:
    """The embedded store, opened twice."""
    path = folder / "message.db"
    async with Database(path, sqlite_store.SCHEMA) as one, Database(path, sqlite_store.SCHEMA) as two:
        yield _on_sqlite(one), _on_sqlite(two)


def _on_sqlite(database: Database) -> Kept:
    on = sqlite_store
    return Kept(
        on.SqliteLog(database), on.SqliteFeed(database), on.SqliteSinkPlaces(database), on.SqliteLetters(database)
    )


@asynccontextmanager
async def mongo(_: Path) -> AsyncIterator[tuple[Kept, Kept]]:
    """A database of a MongoDB server, opened twice."""
    async with (
        fresh_url() as url,
        mongodb.Database(url, mongo_store.SCHEMA, call_s=SLOW_S) as one,
        mongodb.Database(url, mongo_store.SCHEMA, call_s=SLOW_S) as two,
    ):
        yield _on_mongo(one), _on_mongo(two)


def _on_mongo(database: mongodb.Database) -> Kept:
    on = mongo_store
    return Kept(on.MongoLog(database), on.MongoFeed(database), on.MongoSinkPlaces(database), on.MongoLetters(database))


STORES = [pytest.param(sqlite, id="sqlite")]
if SERVER:
    STORES.append(pytest.param(mongo, id="mongo", marks=pytest.mark.real))


@pytest.fixture(params=STORES)
async def both(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Kept, Kept]]:
    async with request.param(tmp_path) as opened:
        yield opened


@pytest.fixture
def kept(both: tuple[Kept, Kept]) -> Kept:
    return both[0]


def row(conversation_id: ConversationId, seq: int, number: int = 0) -> Row:
    """A post at a place."""
    content = f"{conversation_id} {seq}".encode()
    draft = Draft(conversation_id, ANN, PHONE, number or seq, EntryKind.POST, content)
    return Row(draft, Seq(seq), 1_000 + seq, b"entry " + content)


async def all_of(reader: FeedReader, limit: int = 7) -> list[Stored]:
    """Read until there is no more."""
    found: list[Stored] = []
    while some := await reader.read(limit):
        found += some
    return found


def seqs(found: list[Stored], conversation_id: ConversationId) -> list[int]:
    """The places of one conversation, in the order in which they were told."""
    return [one.seq for one in found if one.conversation_id == conversation_id]


async def test_a_reader_tells_all_that_comes(kept: Kept) -> None:
    """From its place on a reader tells every entry of every log, in order, and goes on where it stopped."""
    reader = kept.feed.reader(0)
    assert await reader.read(5) == []
    await kept.log.append([row(CHAT, seq) for seq in range(1, 12)])
    await kept.log.append([row(OTHER, 1)])
    found = await all_of(reader)
    assert (seqs(found, CHAT), seqs(found, OTHER)) == (list(range(1, 12)), [1])
    assert (found[0].entry, found[0].kind, found[0].sender_id) == (row(CHAT, 1).entry, EntryKind.POST, ANN)
    await kept.log.append([row(CHAT, 12)])
    assert [one.seq for one in await all_of(reader)] == [12]


async def test_a_new_reader_begins_where_the_last_one_stopped(kept: Kept) -> None:
    """From the place of a reader another one misses nothing; what it repeats is in order."""
    first = kept.feed.reader(0)
    await kept.log.append([row(CHAT, seq) for seq in range(1, 10)])
    told = await first.read(4)
    assert told
    await kept.log.append([row(CHAT, 10), row(OTHER, 1)])
    again = await all_of(kept.feed.reader(first.place))
    assert seqs(again, CHAT) == list(range(seqs(again, CHAT)[0], 11))
    assert seqs(again, CHAT)[0] <= told[-1].seq + 1
    assert seqs(again, OTHER) == [1]


async def test_the_end_is_after_all_that_is_there(kept: Kept) -> None:
    """A reader that begins at the end tells what comes from then on."""
    await kept.log.append([row(CHAT, 1)])
    reader = kept.feed.reader(await kept.feed.end())
    await kept.log.append([row(CHAT, 2), row(OTHER, 1)])
    found = await all_of(reader)
    assert seqs(found, CHAT)[-1] == 2
    assert seqs(found, OTHER) == [1]


async def test_a_reader_with_an_end_stops_there(kept: Kept) -> None:
    """It tells all that was there when its end was taken, and nothing of what came after an end long before."""
    await kept.log.append([row(CHAT, 1), row(OTHER, 1)])
    end = await kept.feed.end()
    found = await all_of(kept.feed.reader(0, end))
    assert (seqs(found, CHAT), seqs(found, OTHER)) == ([1], [1])
    assert await all_of(kept.feed.reader(0, 0)) == []


async def write(kept: Kept, conversation_id: ConversationId, first_number: int, many: int, pick: random.Random) -> None:
    """Append so many entries, one or a few at a time, each where the log ends by then."""
    number = first_number
    while number < first_number + many:
        head = (await kept.log.heads([conversation_id]))[conversation_id]
        size = min(pick.randint(1, 4), first_number + many - number)
        try:
            await kept.log.append([row(conversation_id, head + 1 + at, number + at) for at in range(size)])
            number += size
        except Clash as clash:
            number += clash.stored


async def test_nothing_is_missed_while_two_processes_write(both: tuple[Kept, Kept]) -> None:
    """A reader beside two writers of the same logs tells each entry once, each log in its order."""
    ours, theirs = both
    pick, reader, found = random.Random(7), ours.feed.reader(0), []
    writing = asyncio.gather(
        *(write(kept, chat, start, 40, pick) for kept, start in ((ours, 1), (theirs, 1_000)) for chat in (CHAT, OTHER))
    )
    while not writing.done():
        found += await reader.read(5)
        await asyncio.sleep(0)
    await writing
    found += await all_of(reader)
    assert seqs(found, CHAT) == list(range(1, 81))
    assert seqs(found, OTHER) == list(range(1, 81))


async def test_a_place_only_rises(both: tuple[Kept, Kept]) -> None:
    """A sink that was never told anything has no place, and a slow process cannot set one back."""
    ours, theirs = both
    assert await ours.places.load("audit") is None
    await ours.places.save("audit", 5)
    await theirs.places.save("audit", 4)
    assert await ours.places.load("audit") == 5
    await theirs.places.save("audit", 9)
    assert (await ours.places.load("audit"), await ours.places.load("other")) == (9, None)


def letter(sink_name: str, seq: int, tries: int = 5) -> Letter:
    """A letter of a sink."""
    return Letter(letter_id(sink_name, CHAT, seq), sink_name, CHAT, Seq(seq), "HTTP_400", tries, 1_000)


async def test_letters_are_kept_once_each(kept: Kept) -> None:
    """A letter is listed as it was kept, by sink and in pages; the same event again takes its place."""
    letters = [letter("audit", 1), letter("audit", 2), letter("mirror", 1)]
    for one in letters:
        assert await kept.letters.keep(one)
    assert await kept.letters.listed("audit", 10) == letters[:2]
    assert await kept.letters.listed("", 2) == letters[:2]
    assert await kept.letters.listed("", 2, after=letters[1].id) == letters[2:]
    again = replace(letters[0], tries=6, why="HTTP_500", subject="u1")
    assert await kept.letters.keep(again)
    assert await kept.letters.listed("audit", 1) == [again]


async def test_letters_are_sent_again_when_somebody_wishes(both: tuple[Kept, Kept]) -> None:
    """A wish is seen by another process and ends when the letter is kept again or dropped."""
    ours, theirs = both
    for seq in (1, 2, 3):
        await ours.letters.keep(letter("audit", seq))
    ids = [letter("audit", seq).id for seq in (1, 3, 9)]
    assert await theirs.letters.wish(ids) == 2
    assert [one.seq for one in await ours.letters.wished("audit", 10)] == [1, 3]
    assert await ours.letters.wished("mirror", 10) == []
    await ours.letters.keep(letter("audit", 1, tries=6))
    assert await ours.letters.drop([ids[1], ids[2]]) == 1
    assert await theirs.letters.wished("audit", 10) == []
    assert [one.seq for one in await theirs.letters.listed("audit", 10)] == [1, 2]


async def test_a_sink_has_so_many_letters_and_no_more(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the bound a new letter is not kept, which the store says; one that is there already may change."""
    monkeypatch.setattr(sink, "MAX_LETTERS", 2)
    for module in ("sqlite.sinks", "mongo.sinks"):
        monkeypatch.setattr(f"svc_message.infrastructure.{module}.MAX_LETTERS", 2)
    assert [await kept.letters.keep(letter("audit", seq)) for seq in (1, 2, 3)] == [True, True, False]
    assert await kept.letters.keep(letter("audit", 1, tries=7))
    assert await kept.letters.keep(letter("mirror", 3))
