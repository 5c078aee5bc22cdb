"""An append that died between its steps: entries are there, and what they change is not made yet."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from mesh.errors import Code, MeshError
from mesh.infrastructure import sqlite
from mesh.infrastructure.mongo import Database, Document
from svc_message.domain.conversation import ADDRESSED_ONLY, Membership, Role, Seq, UserId
from svc_message.domain.entry import EntryKind, GroupDelta, MembershipDelta, Row
from svc_message.domain.ports import Log, Mark, Members, Span, UnreadAsk
from svc_message.infrastructure import sqlite as on_sqlite
from svc_message.infrastructure.mongo import SCHEMA, MongoLog, MongoMembers
from svc_message.infrastructure.mongo.documents import document_of
from svc_message.infrastructure.mongo.effects import changes
from svc_message.infrastructure.mongo.waiting import Waiting
from tests.conformance.log_nodes import (
    ANN,
    BOB,
    CHAT,
    EVE,
    LAPTOP,
    OTHER,
    PHONE,
    SLOW_S,
    TEAM,
    Node,
    joining,
    row,
)
from tests.mongo.proxy import Proxy
from tests.mongo.server import fresh_url

pytestmark = pytest.mark.real

BEFORE = [
    row(TEAM, 1, members=joining(1, ANN, BOB)),
    row(CHAT, 1, mentions=(BOB,)),
    row(CHAT, 2, kind=EntryKind.EDIT, target=1),
    row(CHAT, 3, device=LAPTOP, sender=BOB),
]
HALF_DONE = [
    row(
        TEAM,
        2,
        members=MembershipDelta(
            added=(Membership(EVE, Seq(2), Seq(1), addressed_before=ADDRESSED_ONLY),),
            removed=(BOB,),
            updated=(Membership(ANN, Seq(0), Seq(0), role=Role.OWNER, muted_until_ms=7),),
        ),
        group=GroupDelta(muted_all=True, pin_open=True, slow_mode_seconds=5, member_receipts=True, suspended=True),
    ),
    row(CHAT, 4, kind=EntryKind.RECALL, target=1, tombstones=((Seq(1), b"gone 1"), (Seq(2), b"gone 2"))),
    row(OTHER, 1),
]
WRITES = ("entries", "tombstones", "rights made", "rights", "members made", "members", "unmarked")
"""What an append writes, one command each: it may die after each but the last."""

READS: dict[str, Callable[[Log, Members], Awaitable[Any]]] = {
    "members": lambda _, members: members.of_conversation(TEAM),
    "places of one who came": lambda _, members: members.of_user(EVE),
    "places of one who went": lambda _, members: members.of_user(BOB),
    "places of one who changed": lambda _, members: members.of_user(ANN),
    "peers": lambda _, members: members.peers(EVE),
    "standings": lambda _, members: members.standings(EVE),
    "standings of one who went": lambda _, members: members.standings(BOB),
    "one": lambda _, members: members.one(TEAM, BOB),
    "rights": lambda _, members: members.group_rights(TEAM),
    "marks": lambda _, members: members.advance([Mark(TEAM, EVE, read_seq=Seq(2)), Mark(OTHER, EVE, Seq(1))]),
    "unread": lambda _, members: members.unread(BOB, [UnreadAsk(CHAT, 0, 9)], 9),
    "entries": lambda log, _: log.read(CHAT, 1, 9, 9),
    "runs": lambda log, _: log.read_each([Span(CHAT, 1, 9)], 9, 999),
    "entries by key": lambda log, _: log.find([(CHAT, PHONE, 1), (CHAT, PHONE, 4)]),
    "entries by place": lambda log, _: log.last({CHAT: Seq(2)}),
    "amendments": lambda log, _: log.amendments(CHAT, 1, 1, 9),
}


def some(found: Any) -> Any:
    """What was found, whatever its order."""
    return sorted(found, key=repr) if isinstance(found, list) else found


@asynccontextmanager
async def model() -> AsyncIterator[Node]:
    """The embedded store: it changes all at once, and says what is right."""
    with TemporaryDirectory() as folder:
        async with sqlite.Database(Path(folder) / "model.db", on_sqlite.SCHEMA) as database:
            yield Node(on_sqlite.SqliteLog(database), on_sqlite.SqliteMembers(database))


@asynccontextmanager
async def store() -> AsyncIterator[tuple[str, Database]]:
    """An empty database, by its URL and open."""
    async with fresh_url() as url, Database(url, SCHEMA, call_s=SLOW_S) as database:
        yield url, database


async def die_after(writes: int, url: str, rows: list[Row]) -> None:
    """Append in a process that ends after so many writes."""
    async with Proxy() as proxy, Database(proxy.over(url), SCHEMA, call_s=1.5) as database:
        proxy.writes_left = writes
        with pytest.raises(MeshError) as refused:
            await MongoLog(database).append(rows)
        assert (refused.value.code, refused.value.reason) == (Code.UNAVAILABLE, "STORE_UNAVAILABLE")


async def waiting_in(database: Database) -> list[Document]:
    """Entries whose changes are not made."""
    return await database.collection("entry").find({"w": {"$exists": True}}).sort("q", 1).to_list()


@pytest.mark.parametrize("writes", range(1, len(WRITES)))
@pytest.mark.parametrize("name", READS)
async def test_the_first_reader_sees_it_whole(name: str, writes: int) -> None:
    """Whatever is read first after a process died, and wherever it died, is as if the append had ended."""
    async with model() as whole, store() as (url, database):
        await whole.log.append(BEFORE)
        await whole.log.append(HALF_DONE)
        await MongoLog(database).append(BEFORE)
        await die_after(writes, url, HALF_DONE)
        read = READS[name]
        expected = some(await read(whole.log, whole.members))
        assert some(await read(MongoLog(database), MongoMembers(database))) == expected


async def test_the_writes_of_an_append() -> None:
    """The test above lets a process die after each write that there is, and one more ends the append."""
    async with store() as (url, database), Proxy() as proxy, Database(proxy.over(url), SCHEMA) as dying:
        await MongoLog(database).append(BEFORE)
        before = proxy.writes
        await MongoLog(dying).append(HALF_DONE)
        assert proxy.writes - before == len(WRITES)
        assert await waiting_in(database) == []


async def test_nothing_is_there_before_the_entries() -> None:
    """A process that dies before its first write has changed nothing."""
    async with store() as (url, database):
        await MongoLog(database).append(BEFORE)
        await die_after(0, url, HALF_DONE)
        assert await MongoLog(database).heads([TEAM, CHAT, OTHER]) == {TEAM: 1, CHAT: 3, OTHER: 0}
        assert [one.user_id for one in await MongoMembers(database).of_conversation(TEAM)] == [ANN, BOB]


async def test_a_plain_message_is_one_write() -> None:
    """What nearly all appends are costs one command for all rows together."""
    async with store() as (url, database), Proxy() as proxy, Database(proxy.over(url), SCHEMA) as other:
        await MongoLog(database).append([row(CHAT, 1), row(OTHER, 1)])
        before = proxy.writes
        await MongoLog(other).append(
            [row(chat, seq, mentions=(BOB,)) for seq in range(2, 50) for chat in (CHAT, OTHER)]
        )
        assert proxy.writes - before == 1


async def test_the_next_append_makes_what_waits_first() -> None:
    """A member who was added by a dead process and is removed by the next one is gone."""
    async with store() as (_, database):
        log, members = MongoLog(database), MongoMembers(database)
        await log.append([row(TEAM, 1, members=joining(1, ANN))])
        await log.insert([document_of(row(TEAM, 2, members=joining(2, EVE)))])
        await log.append([row(TEAM, 3, members=MembershipDelta(removed=(EVE,)))])
        assert [one.user_id for one in await members.of_conversation(TEAM)] == [ANN]
        assert await members.one(TEAM, EVE) == Membership(EVE, Seq(2), Seq(2), Seq(3))
        assert await waiting_in(database) == []


async def test_many_readers_make_the_same_changes() -> None:
    """Processes that find the same half done append at the same moment all see it whole."""
    users = [UserId(f"u{number:015d}") for number in range(50)]
    async with AsyncExitStack() as stack:
        url, database = await stack.enter_async_context(store())
        nodes = [await stack.enter_async_context(Database(url, SCHEMA)) for _ in range(3)]
        await MongoLog(database).insert([document_of(row(TEAM, 1, members=joining(1, *users)))])
        readers = [MongoMembers(node) for node in nodes for _ in range(5)]
        for found in await asyncio.gather(*(reader.of_conversation(TEAM) for reader in readers)):
            assert sorted(one.user_id for one in found) == users


async def test_a_late_recall_changes_nothing() -> None:
    """Tombstones of an older recall do not come back over those of a newer one."""
    async with store() as (_, database):
        log = MongoLog(database)
        recalls = [
            row(CHAT, seq, kind=EntryKind.RECALL, target=1, tombstones=((Seq(1), f"gone by {seq}".encode()),))
            for seq in (2, 3)
        ]
        await log.insert([document_of(row(CHAT, 1)), document_of(recalls[0])])
        late = await waiting_in(database)
        await log.append(recalls[1:])
        await Waiting(database)._erase(late)
        [post] = await log.read(CHAT, 1, 1, 1)
        assert (post.kind, post.entry) == (EntryKind.TOMBSTONE, b"gone by 3")


USERS = st.lists(st.sampled_from([ANN, BOB, EVE]), unique=True, max_size=2)
RIGHTS = st.sampled_from([None, True, False])
STEPS = st.lists(
    st.tuples(USERS, USERS, USERS, RIGHTS, st.booleans(), st.none() | st.tuples(st.integers(0), st.integers(0, 9))),
    max_size=8,
)


@settings(max_examples=25, deadline=None, phases=set(Phase) - {Phase.shrink})
@given(steps=STEPS)
def test_whoever_is_late_changes_nothing(steps: list[tuple[Any, ...]]) -> None:
    """Whatever membership entries say, whoever dies after inserting one, and however late someone makes a part of
    changes that others have made long since, the members are those of a store that changes all at once.
    """
    asyncio.run(_compare(steps))  # failures are not made smaller: each try is a database of its own


async def _compare(steps: list[tuple[Any, ...]]) -> None:
    async with model() as whole, store() as (_, database):
        log, members, seen = MongoLog(database), MongoMembers(database), list[list[Document]]()
        for seq, (added, removed, updated, muted, dies, late) in enumerate(steps, 1):
            one = row(TEAM, seq, members=_delta(seq, added, removed, updated), group=GroupDelta(muted_all=muted))
            await whole.log.append([one])
            await log.insert([document_of(one)])
            seen.append(await waiting_in(database))
            if not dies:
                await Waiting(database).settle([TEAM])
                if late is not None:
                    await _make_late(database, seen[late[0] % len(seen)], late[1])
        for user in (ANN, BOB, EVE):
            assert await members.one(TEAM, user) == await whole.members.one(TEAM, user)
        assert await members.group_rights(TEAM) == await whole.members.group_rights(TEAM)


def _delta(seq: int, added: list[UserId], removed: list[UserId], updated: list[UserId]) -> MembershipDelta:
    """A change that differs from all others. Bob is a bot, whose role changes."""
    role = Role.ADMIN if seq % 3 else Role.MEMBER
    changed = tuple(Membership(user, Seq(0), Seq(0), role=role, muted_until_ms=seq) for user in updated)
    return MembershipDelta(_known(joining(seq, *added).added), tuple(removed), _known(changed))


def _known(members: tuple[Membership, ...]) -> tuple[Membership, ...]:
    return tuple(replace(one, addressed_before=ADDRESSED_ONLY) if one.user_id == BOB else one for one in members)


async def _make_late(database: Database, entries: list[Document], parts: int) -> None:
    """Do what a process does that was stopped before it, and is stopped again after some of it."""
    late = Waiting(database)
    await late._grant(entries)
    await late._change([change for entry in entries for change in changes(entry)][:parts])
