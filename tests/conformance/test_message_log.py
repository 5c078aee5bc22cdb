"""What every store of the message service keeps: another adapter joins with one line in STORES."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.infrastructure import mongo as mongodb
from mesh.infrastructure.sqlite import Database
from svc_message.application.sync.memory import Memory
from svc_message.application.sync.remember import RememberedLog
from svc_message.domain.conversation import (
    ConversationId,
    DeviceId,
    GroupRights,
    Membership,
    Role,
    Seq,
    UserId,
    direct_id,
)
from svc_message.domain.entry import Draft, EntryKind, GroupDelta, MembershipDelta, Row
from svc_message.domain.ports import Clash, Log, Mark, Members, Run, Span, Standing, Unread, UnreadAsk
from svc_message.infrastructure import mongo as mongo_store
from svc_message.infrastructure.mongo import MongoLog, MongoMembers
from svc_message.infrastructure.sqlite import SCHEMA, SqliteLog, SqliteMembers
from tests.mongo.server import SERVER, fresh_url

ANN, BOB, EVE = (UserId("u" + letter * 15) for letter in "abe")
CHAT, OTHER, OWN = direct_id(ANN, BOB), direct_id(ANN, EVE), direct_id(ANN, ANN)
TEAM = ConversationId("g" + "1" * 15)
PHONE, LAPTOP = DeviceId("d" + "1" * 15), DeviceId("d" + "2" * 15)

SLOW_S = 30.0
"""Seconds that a call to a database may take: a server that is made for tests reads all that there is for each."""


@dataclass(frozen=True)
class Node:
    """One process's view of a store."""

    log: Log
    members: Members


@dataclass(frozen=True)
class Nodes:
    """One store as two processes see it."""

    ours: Node
    theirs: Node


OpenStore = Callable[[Path], AbstractAsyncContextManager[Nodes]]


@asynccontextmanager
async def sqlite(folder: Path) -> AsyncIterator[Nodes]:
    """The embedded store."""
    path = folder / "message.db"
    async with Database(path, SCHEMA) as one, Database(path, SCHEMA) as two:
        yield Nodes(Node(SqliteLog(one), SqliteMembers(one)), Node(SqliteLog(two), SqliteMembers(two)))


@asynccontextmanager
async def mongo(_: Path) -> AsyncIterator[Nodes]:
    """A database of a MongoDB server."""
    async with (
        fresh_url() as url,
        mongodb.Database(url, mongo_store.SCHEMA, call_s=SLOW_S) as one,
        mongodb.Database(url, mongo_store.SCHEMA, call_s=SLOW_S) as two,
    ):
        yield Nodes(Node(MongoLog(one), MongoMembers(one)), Node(MongoLog(two), MongoMembers(two)))


def remembered(store: OpenStore) -> OpenStore:
    """A store behind the memory of each process."""

    @asynccontextmanager
    async def opened(folder: Path) -> AsyncIterator[Nodes]:
        async with store(folder) as nodes:
            yield Nodes(_remembering(nodes.ours), _remembering(nodes.theirs))

    return opened


def _remembering(node: Node) -> Node:
    return Node(RememberedLog(node.log, Memory(node.log, node.members)), node.members)


STORES = [pytest.param(sqlite, id="sqlite"), pytest.param(remembered(sqlite), id="remembered sqlite")]
if SERVER:
    STORES += [
        pytest.param(mongo, id="mongo", marks=pytest.mark.real),
        pytest.param(remembered(mongo), id="remembered mongo", marks=pytest.mark.real),
    ]


@pytest.fixture(params=STORES)
async def nodes(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Nodes]:
    async with request.param(tmp_path) as opened:
        yield opened


def row(
    conversation_id: ConversationId,
    seq: int,
    number: int = 0,
    *,
    sender: UserId = ANN,
    device: DeviceId = PHONE,
    kind: EntryKind = EntryKind.POST,
    target: int = 0,
    mentions: tuple[UserId, ...] = (),
    mentions_all: bool = False,
    members: MembershipDelta | None = None,
    group: GroupDelta | None = None,
    tombstones: tuple[tuple[Seq, bytes], ...] = (),
) -> Row:
    """An entry at a place; its number is its seq unless one is given."""
    content = f"{conversation_id} {seq}".encode()
    draft = Draft(
        conversation_id,
        sender,
        device,
        number or seq,
        kind,
        content,
        Seq(target),
        mentions,
        mentions_all,
        members,
        group,
    )
    return Row(draft, Seq(seq), 1_000 + seq, b"entry " + content, tombstones)


def joining(seq: int, *users: UserId, role: Role = Role.MEMBER, first: int = 0) -> MembershipDelta:
    """A change by which these come."""
    return MembershipDelta(added=tuple(Membership(user, Seq(seq), Seq(first or seq), role=role) for user in users))


async def seqs(node: Node, conversation_id: ConversationId) -> list[int]:
    return [stored.seq for stored in await node.log.read(conversation_id, 1, 1_000, 1_000)]


async def test_what_was_appended_is_read(nodes: Nodes) -> None:
    """An appended entry is there with all that it says, for every process."""
    await nodes.ours.log.append([row(CHAT, 1), row(CHAT, 2, sender=BOB, device=LAPTOP), row(OTHER, 1)])
    [one, two] = await nodes.theirs.log.read(CHAT, 1, 9, 9)
    assert (two.conversation_id, two.seq, two.device_id, two.client_message_id) == (CHAT, 2, LAPTOP, 2)
    assert (two.sender_id, two.kind, two.sent_at_ms) == (BOB, EntryKind.POST, 1_002)
    assert one.entry == row(CHAT, 1).entry
    assert await nodes.theirs.log.heads([CHAT, OTHER, TEAM]) == {CHAT: 2, OTHER: 1, TEAM: 0}
    assert await nodes.theirs.log.heads([]) == {}


async def test_stretches(nodes: Nodes) -> None:
    """A stretch is inclusive, limited, and read from either end."""
    await nodes.ours.log.append([row(CHAT, seq) for seq in range(1, 11)])
    read = nodes.ours.log.read
    assert [s.seq for s in await read(CHAT, 3, 6, 9)] == [3, 4, 5, 6]
    assert [s.seq for s in await read(CHAT, 3, 6, 2)] == [3, 4]
    assert [s.seq for s in await read(CHAT, 3, 6, 2, descending=True)] == [6, 5]
    assert await read(CHAT, 6, 3, 9) == await read(TEAM, 1, 9, 9) == await read(CHAT, 1, 9, 0) == []
    assert {id_: s.seq for id_, s in (await nodes.ours.log.last({CHAT: Seq(4), TEAM: Seq(1)})).items()} == {CHAT: 4}


async def test_spans_of_many_logs(nodes: Nodes) -> None:
    """Each span is answered with what its log has of it, encoded, in the order of the question."""
    await nodes.ours.log.append([row(chat, seq) for seq in range(1, 6) for chat in (CHAT, OTHER)])
    spans = [Span(OTHER, 2, 3), Span(TEAM, 1, 9), Span(CHAT, 4, 2**64 - 1), Span(CHAT, 2**64 - 1, 2**64 - 1)]
    expected = [
        Run([row(OTHER, 2).entry, row(OTHER, 3).entry], Seq(3)),
        Run(),
        Run([row(CHAT, 4).entry, row(CHAT, 5).entry], Seq(5)),
        Run(),
    ]
    assert await nodes.theirs.log.read_each(spans, 99, 9_999) == expected
    assert await nodes.theirs.log.read_each([], 99, 9_999) == []
    many = [Span(direct_id(ANN, f"u{number:015d}"), 1, 9) for number in range(1, 1_201)]
    assert await nodes.ours.log.read_each([*many, Span(CHAT, 5, 5)], 9, 99) == [Run()] * 1_200 + [
        Run([row(CHAT, 5).entry], Seq(5))
    ]


@pytest.mark.parametrize(
    "limit, sizes, taken",
    [
        (3, 9, [2, 1, 0]),
        (2, 9, [2, 0, 0]),
        (99, 3.5, [2, 1, 0]),
        (99, 0.1, [1, 0, 0]),
        (0, 9, [0] * 3),
        (9, 0, [0] * 3),
    ],
)
async def test_spans_end_where_the_limits_are(nodes: Nodes, limit: int, sizes: float, taken: list[int]) -> None:
    """Entries and bytes are limited over all spans; what comes after the first that does not fit is not read."""
    await nodes.ours.log.append([row(chat, seq) for seq in (1, 2) for chat in (CHAT, OTHER, OWN)])
    spans = [Span(chat, 1, 2) for chat in (CHAT, OTHER, OWN)]
    runs = await nodes.theirs.log.read_each(spans, limit, int(sizes * len(row(CHAT, 1).entry)))
    assert [(len(run.entries), run.reached) for run in runs] == [(count, count) for count in taken]


async def test_standings(nodes: Nodes) -> None:
    """A user's places come with the heads of their logs, and in direct chats with what the peer has read."""
    log, members = nodes.ours.log, nodes.ours.members
    await log.append([row(CHAT, 1), row(CHAT, 2), row(OWN, 1), row(TEAM, 1, members=joining(1, ANN, BOB))])
    await members.advance([Mark(CHAT, BOB, read_seq=Seq(2)), Mark(CHAT, ANN, read_seq=Seq(1)), Mark(TEAM, BOB, Seq(1))])
    await log.append([row(TEAM, 2, members=MembershipDelta(removed=(ANN,))), row(TEAM, 3)])
    found = await nodes.theirs.members.standings(ANN)
    assert {one.conversation_id: one for one in found} == {
        CHAT: Standing(CHAT, *map(Seq, (2, 0, 1, 0, 1, 2))),
        OWN: Standing(OWN, *map(Seq, (1, 0, 1, 0, 0, 0))),
        TEAM: Standing(TEAM, *map(Seq, (3, 1, 1, 2, 0, 0))),
    }
    assert await nodes.theirs.members.standings(EVE) == []


async def test_what_others_write_is_told(nodes: Nodes) -> None:
    """The number is another one after each kind of write by someone else, and stays the same for one's own."""
    ours, theirs = nodes.ours, nodes.theirs
    number = await ours.log.foreign_writes()
    if number is None:
        return  # the store cannot tell, and says so
    await ours.log.append([row(CHAT, 1)])
    await ours.members.advance([Mark(CHAT, BOB, read_seq=Seq(1))])
    with pytest.raises(Clash):
        await ours.log.append([row(CHAT, 1, 9)])
    await ours.log.read(CHAT, 1, 9, 9)
    await theirs.log.read(CHAT, 1, 9, 9)
    assert await ours.log.foreign_writes() == number
    seen = {number}
    await theirs.log.append([row(CHAT, 2)])
    seen.add(await ours.log.foreign_writes() or 0)
    await theirs.members.advance([Mark(CHAT, ANN, read_seq=Seq(1))])
    seen.add(await ours.log.foreign_writes() or 0)
    assert len(seen) == 3
    assert await ours.log.foreign_writes() in seen


async def test_much_of_ones_own_is_nothing_foreign(nodes: Nodes) -> None:
    """However much one writes, and whatever the store does with it afterwards, nobody else wrote."""
    number = await nodes.ours.log.foreign_writes()
    for begin in range(1, 15_000, 1_000):
        await nodes.ours.log.append([row(CHAT, seq) for seq in range(begin, begin + 1_000)])
        await nodes.theirs.log.read(CHAT, begin, begin, 1)
        assert await nodes.ours.log.foreign_writes() == number


async def test_a_foreign_write_is_told_between_many_of_ones_own(nodes: Nodes) -> None:
    """However many write at once, whoever asks after another's write is told of it."""
    if await nodes.ours.log.foreign_writes() is None:
        return
    chats = [direct_id(ANN, f"u{number:015d}") for number in range(1, 31)]
    for number, chat in enumerate(chats, 1):
        own = [asyncio.create_task(nodes.ours.log.append([row(OWN, 9 * number + i)])) for i in range(9)]
        before = await nodes.ours.log.foreign_writes()
        await nodes.theirs.log.append([row(chat, 1)])
        assert await nodes.ours.log.foreign_writes() != before
        await asyncio.gather(*own)


@pytest.mark.parametrize("clashing", [row(CHAT, 2, 99), row(CHAT, 5, 2)])
async def test_a_taken_place_or_key_clashes(nodes: Nodes, clashing: Row) -> None:
    """A row that breaks either uniqueness raises Clash, which tells how many of the rows before it are stored."""
    await nodes.theirs.log.append([row(CHAT, 1), row(CHAT, 2)])
    with pytest.raises(Clash) as clash:
        await nodes.ours.log.append([row(OTHER, 1), clashing, row(OTHER, 2)])
    assert await seqs(nodes.ours, OTHER) == [1][: clash.value.stored]
    assert await seqs(nodes.ours, CHAT) == [1, 2]
    await nodes.ours.log.append([row(OTHER, 1 + clash.value.stored, 50)])
    assert [s.conversation_id for s in await nodes.theirs.log.read(OTHER, 1, 9, 9)] == [OTHER] * (
        1 + clash.value.stored
    )


async def test_a_clash_changes_no_members(nodes: Nodes) -> None:
    """What a row that was not stored would have changed besides is not changed."""
    await nodes.ours.log.append([row(TEAM, 1, members=joining(1, ANN))])
    with pytest.raises(Clash):
        await nodes.ours.log.append([row(TEAM, 1, 9, members=joining(1, BOB), group=GroupDelta(muted_all=True))])
    assert [m.user_id for m in await nodes.ours.members.of_conversation(TEAM)] == [ANN]
    assert await nodes.ours.members.group_rights(TEAM) == GroupRights()


async def test_concurrent_appends_to_one_place(nodes: Nodes) -> None:
    """Of many processes that want one place exactly one gets it."""
    tries = [node.log.append([row(CHAT, 1, number)]) for number in range(1, 11) for node in (nodes.ours, nodes.theirs)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(result is None for result in results) == 1
    assert all(result is None or isinstance(result, Clash) for result in results)
    assert await seqs(nodes.ours, CHAT) == [1]


async def test_keys_name_entries(nodes: Nodes) -> None:
    """An entry is found by conversation, device and number together, and by nothing less."""
    await nodes.ours.log.append([row(CHAT, 1, 7), row(OTHER, 1, 7), row(CHAT, 2, 7, device=LAPTOP)])
    keys = [(CHAT, PHONE, 7), (OTHER, PHONE, 7), (CHAT, LAPTOP, 7)]
    found = await nodes.theirs.log.find([*keys, (OTHER, LAPTOP, 7), (CHAT, PHONE, 8), (TEAM, PHONE, 7)])
    assert {key: (stored.conversation_id, stored.seq) for key, stored in found.items()} == {
        keys[0]: (CHAT, 1),
        keys[1]: (OTHER, 1),
        keys[2]: (CHAT, 2),
    }


async def test_members_of_direct_chats_and_personal_logs(nodes: Nodes) -> None:
    """They exist from the first row on, see everything, and know their peers."""
    personal = ConversationId(ANN)
    await nodes.ours.log.append([row(CHAT, 1), row(OWN, 1), row(personal, 1)])
    assert set(await nodes.ours.members.of_user(ANN)) == {CHAT, OWN, personal}
    assert set(await nodes.ours.members.of_user(BOB)) == {CHAT}
    assert await nodes.ours.members.of_user(EVE) == {}
    place = await nodes.theirs.members.one(CHAT, BOB)
    assert place == Membership(BOB, Seq(0), Seq(1))
    assert {id_: peer.user_id for id_, peer in (await nodes.ours.members.peers(ANN)).items()} == {CHAT: BOB}
    assert await nodes.ours.members.one(CHAT, EVE) is None
    assert await nodes.ours.members.one(TEAM, ANN) is None


async def test_members_come_change_go_and_come_back(nodes: Nodes) -> None:
    """The members are those that the membership entries say; positions outlive a leave, and a return is a new start."""
    log, members = nodes.ours.log, nodes.ours.members
    await log.append([row(TEAM, 1, members=joining(1, ANN, BOB))])
    await members.advance([Mark(TEAM, BOB, read_seq=Seq(1))])
    muted = Membership(BOB, Seq(0), Seq(0), role=Role.ADMIN, muted_until_ms=99)
    await log.append([row(TEAM, 2, members=MembershipDelta(updated=(muted,)))])
    place = await members.one(TEAM, BOB)
    assert place == Membership(BOB, Seq(1), Seq(1), Seq(0), Role.ADMIN, 99, Seq(1), Seq(1))
    await log.append([row(TEAM, 3, members=MembershipDelta(removed=(BOB,)))])
    assert [m.user_id for m in await nodes.theirs.members.of_conversation(TEAM)] == [ANN]
    assert (await members.of_user(BOB))[TEAM].left_seq == 3
    await log.append([row(TEAM, 4, members=MembershipDelta(removed=(BOB,)))])
    assert (await members.of_user(BOB))[TEAM].left_seq == 3
    await log.append([row(TEAM, 5, members=joining(5, BOB))])
    assert await members.one(TEAM, BOB) == Membership(BOB, Seq(5), Seq(5), Seq(0), Role.MEMBER, 0, Seq(1), Seq(1))
    assert await members.peers(ANN) == {}


async def test_rights_of_a_group(nodes: Nodes) -> None:
    """Each right keeps its value until an entry changes it."""
    steps = [
        (GroupDelta(muted_all=True), (True, False, False, 0, False)),
        (GroupDelta(mention_all_open=True), (True, True, False, 0, False)),
        (GroupDelta(slow_mode_seconds=30, pin_open=True), (True, True, True, 30, False)),
        (GroupDelta(muted_all=False, member_receipts=True), (False, True, True, 30, True)),
        (GroupDelta(slow_mode_seconds=0), (False, True, True, 0, True)),
        (GroupDelta(pin_open=False), (False, True, False, 0, True)),
        (GroupDelta(), (False, True, False, 0, True)),
        (GroupDelta(member_receipts=False), (False, True, False, 0, False)),
    ]
    for seq, (delta, rights) in enumerate(steps, 1):
        await nodes.ours.log.append([row(TEAM, seq, group=delta)])
        assert await nodes.theirs.members.group_rights(TEAM) == GroupRights(*rights)
    assert await nodes.ours.members.group_rights(ConversationId("g" + "0" * 15)) == GroupRights()


async def test_positions_only_rise(nodes: Nodes) -> None:
    """A lower mark changes nothing, reading counts as receiving, and strangers have no position."""
    await nodes.ours.log.append([row(CHAT, seq) for seq in range(1, 10)])
    marks = [
        Mark(CHAT, BOB, received_seq=Seq(4)),
        Mark(CHAT, BOB, read_seq=Seq(6)),
        Mark(CHAT, BOB, read_seq=Seq(2), received_seq=Seq(5)),
        Mark(CHAT, EVE, read_seq=Seq(2)),
        Mark(CHAT, ANN, read_seq=Seq(1)),
    ]
    answers = await nodes.ours.members.advance(marks)
    assert [(mark.read_seq, mark.received_seq, rose) for mark, rose in answers[:3]] == [
        (0, 4, True),
        (6, 6, True),
        (6, 6, False),
    ]
    assert [rose for _, rose in answers[3:]] == [False, True]
    assert await nodes.ours.members.one(CHAT, EVE) is None
    await asyncio.gather(
        *(
            node.members.advance([Mark(CHAT, BOB, read_seq=Seq(seq))])
            for seq in (9, 7)
            for node in (nodes.ours, nodes.theirs)
        )
    )
    place = await nodes.theirs.members.one(CHAT, BOB)
    assert place is not None
    assert place.read_seq == 9


async def test_unread_is_counted_from_the_log(nodes: Nodes) -> None:
    """Posts of others within the stretch count, and of them those that address the user, by name or all at once."""
    await nodes.ours.log.append(
        [
            row(TEAM, 1, members=joining(1, ANN, BOB, EVE), kind=EntryKind.MEMBERSHIP),
            row(TEAM, 2, mentions=(BOB,)),
            row(TEAM, 3, mentions=(BOB, EVE), mentions_all=True),
            row(TEAM, 4, kind=EntryKind.EDIT, target=2),
            row(TEAM, 5, sender=BOB, device=LAPTOP, mentions_all=True),
            row(TEAM, 6),
        ]
    )
    asks = [
        UnreadAsk(TEAM, 0, 6),
        UnreadAsk(TEAM, 2, 6),
        UnreadAsk(TEAM, 0, 2),
        UnreadAsk(TEAM, 6, 6),
        UnreadAsk(CHAT, 0, 9),
    ]
    counted = await nodes.ours.members.unread(BOB, asks, 1_000)
    assert counted == [Unread(3, 2), Unread(2, 1), Unread(1, 1), Unread(0, 0), Unread(0, 0)]
    assert await nodes.ours.members.unread(EVE, asks[:1], 1_000) == [Unread(4, 2)]
    assert await nodes.ours.members.unread(BOB, asks[:1], 2) == [Unread(2, 2)]


async def test_a_recall_replaces_bodies(nodes: Nodes) -> None:
    """Tombstones stand in the places of the post and its edits, with their keys, and count as unread no more."""
    await nodes.ours.log.append([row(CHAT, 1), row(CHAT, 2, kind=EntryKind.EDIT, target=1), row(CHAT, 3)])
    gone = ((Seq(1), b"gone 1"), (Seq(2), b"gone 2"))
    await nodes.theirs.log.append([row(CHAT, 4, kind=EntryKind.RECALL, target=1, tombstones=gone)])
    stored = await nodes.ours.log.read(CHAT, 1, 9, 9)
    assert [(s.kind, s.entry) for s in stored[:2]] == [(EntryKind.TOMBSTONE, body) for _, body in gone]
    assert [s.kind for s in stored[2:]] == [EntryKind.POST, EntryKind.RECALL]
    assert (await nodes.ours.log.find([(CHAT, PHONE, 1)]))[CHAT, PHONE, 1].kind is EntryKind.TOMBSTONE
    assert await nodes.ours.members.unread(BOB, [UnreadAsk(CHAT, 0, 4)], 99) == [Unread(1, 0)]


async def test_amendments_of_a_stretch(nodes: Nodes) -> None:
    """Edits, recalls and pins outside a stretch whose target is inside it come oldest first, page by page."""
    kinds = [EntryKind.EDIT, EntryKind.PIN, EntryKind.REACTION, EntryKind.RECALL, EntryKind.POST]
    await nodes.ours.log.append([row(CHAT, 1), row(CHAT, 2), row(CHAT, 3, kind=EntryKind.EDIT, target=1)])
    await nodes.ours.log.append([row(CHAT, 4 + i, kind=kind, target=1) for i, kind in enumerate(kinds)])
    await nodes.ours.log.append(
        [row(CHAT, 9, kind=EntryKind.EDIT, target=2), row(OTHER, 9, kind=EntryKind.EDIT, target=1)]
    )
    amendments = nodes.ours.log.amendments
    assert [s.seq for s in await amendments(CHAT, 1, 1, 9)] == [3, 4, 5, 7]
    assert [s.seq for s in await amendments(CHAT, 1, 3, 9)] == [4, 5, 7, 9]
    assert [s.seq for s in await amendments(CHAT, 1, 1, 2)] == [3, 4]
    assert [s.seq for s in await amendments(CHAT, 1, 1, 2, after=4)] == [5, 7]
    assert await amendments(CHAT, 1, 9, 9) == await amendments(TEAM, 1, 9, 9) == []


async def test_a_batch_of_many_conversations(nodes: Nodes) -> None:
    """More rows, users and conversations than go in one piece are all there after one append."""
    chats = [direct_id(ANN, f"u{number:015d}") for number in range(1, 602)]
    twice = chats[-50:]
    await nodes.ours.log.append([*(row(chat, 1) for chat in chats), *(row(chat, 2) for chat in twice)])
    assert await nodes.theirs.log.heads(chats) == {chat: 2 if chat in twice else 1 for chat in chats}
    assert len(await nodes.theirs.members.of_user(ANN)) == len(await nodes.theirs.members.peers(ANN)) == 601


@settings(max_examples=20, deadline=None)
@given(
    batches=st.lists(
        st.tuples(
            st.booleans(),
            st.lists(
                st.tuples(
                    st.sampled_from([CHAT, OTHER, OWN]),
                    st.integers(1, 6),
                    st.integers(1, 8),
                    st.sampled_from([PHONE, LAPTOP]),
                ),
                min_size=1,
                max_size=5,
            ),
        ),
        max_size=12,
    )
)
@pytest.mark.parametrize("open_store", STORES)
def test_uniqueness_against_a_model(
    open_store: OpenStore, batches: list[tuple[bool, list[tuple[ConversationId, int, int, DeviceId]]]]
) -> None:
    """Whatever is appended from either side, the store holds what a model of the two uniqueness rules holds."""
    asyncio.run(_compare(open_store, batches))


async def _compare(
    open_store: OpenStore, batches: list[tuple[bool, list[tuple[ConversationId, int, int, DeviceId]]]]
) -> None:
    model: dict[tuple[ConversationId, int], tuple[DeviceId, int]] = {}
    with TemporaryDirectory() as folder:
        async with open_store(Path(folder)) as nodes:
            for ours, batch in batches:
                node = nodes.ours if ours else nodes.theirs
                rows = [row(chat, seq, number, device=device) for chat, seq, number, device in batch]
                stored = await _append(node, rows)
                fitting = _fitting(model, rows)
                assert (stored == len(rows)) == (fitting == len(rows))
                assert stored <= fitting
                for one in rows[:stored]:
                    model[one.draft.conversation_id, one.seq] = (one.draft.device_id, one.draft.client_message_id)
            found = [s for chat in (CHAT, OTHER, OWN) for s in await nodes.theirs.log.read(chat, 1, 99, 99)]
    assert {(s.conversation_id, s.seq): (s.device_id, s.client_message_id) for s in found} == model


async def _append(node: Node, rows: list[Row]) -> int:
    try:
        await node.log.append(rows)
    except Clash as clash:
        return clash.stored
    return len(rows)


def _fitting(model: dict[tuple[ConversationId, int], tuple[DeviceId, int]], rows: list[Row]) -> int:
    """How many rows can be stored before the first that breaks a rule."""
    places = set(model)
    keys = {(chat, *key) for (chat, _), key in model.items()}
    for index, one in enumerate(rows):
        place = (one.draft.conversation_id, int(one.seq))
        if place in places or one.draft.key in keys:
            return index
        places.add(place)
        keys.add(one.draft.key)
    return len(rows)
