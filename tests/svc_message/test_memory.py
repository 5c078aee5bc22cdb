"""The memory of places and recent entries: no read for who was here lately, and never a word that is not true."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh import errors
from mesh.errors import MeshError
from mesh.infrastructure.sqlite import Database
from svc_message.application.memory import Memory
from svc_message.application.places import Places
from svc_message.application.recent import Recent
from svc_message.application.remember import Key, RememberedLog
from svc_message.application.sync import Position, Sync, weight
from svc_message.domain.conversation import ConversationId, DeviceId, Membership, Seq, UserId, direct_id
from svc_message.domain.entry import Draft, EntryKind, MembershipDelta, Row, Stored
from svc_message.domain.ports import Clash, Log, Mark, Members, Run, Span, Standing, Unread, UnreadAsk
from svc_message.infrastructure.sqlite import SCHEMA, SqliteLog, SqliteMembers

ANN, BOB, EVE = (UserId("u" + letter * 15) for letter in "abe")
USERS = (ANN, BOB, EVE)
CHAT, OTHER = direct_id(ANN, BOB), direct_id(ANN, EVE)
PERSONAL, TEAM = ConversationId(ANN), ConversationId("g" + "1" * 15)
PHONE = DeviceId("d" + "1" * 15)

T = TypeVar("T")


async def _at_once() -> None:
    """Answer without delay."""


@dataclass
class Gates:
    """What happens to an answer of the store on its way: counted, and held up or lost when a test says so."""

    reads: Counter[str] = field(default_factory=Counter)
    read: Callable[[], Awaitable[None]] = _at_once
    written: Callable[[], Awaitable[None]] = _at_once

    async def reading(self, name: str, answer: Awaitable[T]) -> T:
        """Count a read."""
        self.reads[name] += 1
        result = await answer
        await self.read()
        return result


class CountingLog:
    """A log that counts what is read."""

    def __init__(self, log: Log, gates: Gates) -> None:
        self._log = log
        self._gates = gates

    async def append(self, rows: Sequence[Row]) -> None:
        """See the port."""
        await self._log.append(rows)
        await self._gates.written()

    async def heads(self, ids: Collection[ConversationId]) -> dict[ConversationId, Seq]:
        """See the port."""
        return await self._gates.reading("heads", self._log.heads(ids))

    async def find(self, keys: Collection[Key]) -> dict[Key, Stored]:
        """See the port."""
        return await self._gates.reading("find", self._log.find(keys))

    async def read(
        self, conversation_id: ConversationId, first: int, last: int, limit: int, *, descending: bool = False
    ) -> list[Stored]:
        """See the port."""
        found = self._log.read(conversation_id, first, last, limit, descending=descending)
        return await self._gates.reading("read", found)

    async def read_each(self, spans: Sequence[Span], limit: int, room: int) -> list[Run]:
        """See the port."""
        return await self._gates.reading("read_each", self._log.read_each(spans, limit, room))

    async def last(self, ends: Mapping[ConversationId, Seq]) -> dict[ConversationId, Stored]:
        """See the port."""
        return await self._gates.reading("last", self._log.last(ends))

    async def amendments(
        self, conversation_id: ConversationId, first: int, last: int, limit: int, *, after: int = 0
    ) -> list[Stored]:
        """See the port."""
        found = self._log.amendments(conversation_id, first, last, limit, after=after)
        return await self._gates.reading("amendments", found)

    async def foreign_writes(self) -> int | None:
        """See the port."""
        return await self._log.foreign_writes()


class BlindLog(CountingLog):
    """A log over a store that cannot tell who wrote."""

    async def foreign_writes(self) -> int | None:
        """See the port."""
        return None


class CountingMembers:
    """Members that count what is read."""

    def __init__(self, members: Members, gates: Gates) -> None:
        self._members = members
        self._gates = gates

    async def of_conversation(self, conversation_id: ConversationId) -> list[Membership]:
        """See the port."""
        return await self._gates.reading("of_conversation", self._members.of_conversation(conversation_id))

    async def of_user(self, user_id: UserId) -> dict[ConversationId, Membership]:
        """See the port."""
        return await self._gates.reading("of_user", self._members.of_user(user_id))

    async def peers(self, user_id: UserId) -> dict[ConversationId, Membership]:
        """See the port."""
        return await self._gates.reading("peers", self._members.peers(user_id))

    async def standings(self, user_id: UserId) -> list[Standing]:
        """See the port."""
        return await self._gates.reading("standings", self._members.standings(user_id))

    async def one(self, conversation_id: ConversationId, user_id: UserId) -> Membership | None:
        """See the port."""
        return await self._gates.reading("one", self._members.one(conversation_id, user_id))

    async def group_flags(self, conversation_id: ConversationId) -> tuple[bool, bool]:
        """See the port."""
        return await self._gates.reading("group_flags", self._members.group_flags(conversation_id))

    async def advance(self, marks: Sequence[Mark]) -> list[tuple[Mark, bool]]:
        """See the port."""
        return await self._members.advance(marks)

    async def unread(self, user_id: UserId, asks: Sequence[UnreadAsk], limit: int) -> list[Unread]:
        """See the port."""
        return await self._gates.reading("unread", self._members.unread(user_id, asks, limit))


class Node:
    """A message node as far as memory goes, over a real store."""

    def __init__(
        self, database: Database, places: Places | None = None, recent: Recent | None = None, *, blind: bool = False
    ) -> None:
        self.gates = Gates()
        log = (BlindLog if blind else CountingLog)(SqliteLog(database), self.gates)
        self.members = CountingMembers(SqliteMembers(database), self.gates)
        self.memory = Memory(log, self.members, places, recent)
        self.log = RememberedLog(log, self.memory)
        self.sync = Sync(log, self.memory)

    async def mark(self, mark: Mark) -> None:
        """Read so far, as `Receipts` writes it."""
        self.memory.advanced([now for now, rose in await self.members.advance([mark]) if rose])

    async def told(self, user_id: UserId) -> dict[ConversationId, tuple[int, ...]]:
        """What the user is told about all conversations."""
        states = await self.sync.compare(user_id, ())
        return {
            one.conversation_id: (one.head_seq, one.first_seq, one.left_seq, one.read_seq, one.peer_read_seq)
            for one in states
        }

    async def entries(self, user_id: UserId, conversation_id: ConversationId, after: int = 0) -> list[bytes]:
        """What a device is given that knows so much of a conversation."""
        return (await self.sync.page(user_id, [Position(conversation_id, Seq(after))], 1_000)).entries


@asynccontextmanager
async def two_nodes(folder: Path) -> AsyncIterator[tuple[Node, Node]]:
    """Two processes on one file."""
    path = folder / "message.db"
    async with Database(path, SCHEMA) as one, Database(path, SCHEMA) as two:
        yield Node(one), Node(two)


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[tuple[Node, Node]]:
    async with two_nodes(tmp_path) as made:
        yield made


@pytest.fixture
def node(nodes: tuple[Node, Node]) -> Node:
    return nodes[0]


def row(
    conversation_id: ConversationId,
    seq: int,
    members: MembershipDelta | None = None,
    tombstones: tuple[tuple[Seq, bytes], ...] = (),
) -> Row:
    """An entry."""
    content = f"{conversation_id} {seq}".encode()
    kind = EntryKind.POST if members is None else EntryKind.MEMBERSHIP
    draft = Draft(conversation_id, ANN, PHONE, seq, kind, content, members=members)
    return Row(draft, Seq(seq), 1_000 + seq, content, tombstones)


def joining(seq: int, *users: UserId) -> MembershipDelta:
    """A change by which these come."""
    return MembershipDelta(added=tuple(Membership(user, Seq(seq), Seq(seq)) for user in users))


def leaving(*users: UserId) -> MembershipDelta:
    """A change by which these go."""
    return MembershipDelta(removed=users)


async def test_who_was_here_lately_costs_no_read(node: Node) -> None:
    """Resume, digest, compare and page read nothing once a user was seen, whatever this node wrote meanwhile."""
    for user in (ANN, BOB):
        await node.sync.resume(user, ())
    before = node.gates.reads.copy()
    assert before == {"standings": 2}
    await node.log.append([row(CHAT, 1)])
    await node.log.append([row(CHAT, 2), row(OTHER, 1), row(PERSONAL, 1), row(TEAM, 1, joining(1, ANN, BOB))])
    await node.log.append([row(TEAM, 2), row(TEAM, 3, leaving(BOB)), row(TEAM, 4)])
    await node.mark(Mark(CHAT, BOB, read_seq=Seq(2)))
    resumed = await node.sync.resume(ANN, [Position(CHAT, Seq(1))])
    expected = {CHAT: (2, 1, 0, 0, 2), OTHER: (1, 1, 0, 0, 0), PERSONAL: (1, 1, 0, 0, 0), TEAM: (4, 1, 0, 0, 0)}
    assert await node.told(ANN) == expected
    assert sorted(resumed.entries) == sorted(
        [
            row(CHAT, 2).entry,
            row(OTHER, 1).entry,
            row(PERSONAL, 1).entry,
            *(row(TEAM, seq).entry for seq in range(1, 5)),
        ]
    )
    assert await node.told(BOB) == {CHAT: (2, 1, 0, 2, 0), TEAM: (3, 1, 3, 0, 0)}
    assert await node.entries(BOB, TEAM, 1) == [row(TEAM, 2).entry, row(TEAM, 3).entry]
    assert await node.sync.digest(ANN) == sum(weight(chat) * told[0] for chat, told in expected.items()) % 2**64
    assert node.gates.reads == before


async def test_many_who_come_at_once_cost_no_read(node: Node) -> None:
    """A storm of users who were seen costs no read, and one who was not costs one."""
    users = [UserId(f"u{number:015d}") for number in range(1, 301)]
    await node.log.append([row(direct_id(ANN, user), 1) for user in users])
    await asyncio.gather(*(node.sync.resume(user, ()) for user in users))
    assert node.gates.reads["standings"] == 300
    node.gates.reads.clear()
    known = [[Position(direct_id(ANN, user), Seq(1))] for user in users]
    answers = await asyncio.gather(*(node.sync.resume(*both) for both in zip(users, known, strict=True)))
    assert {(len(one.states), len(one.entries)) for one in answers} == {(0, 0)}
    await asyncio.gather(*(node.sync.digest(user) for user in (*users, ANN)))
    assert node.gates.reads == {"standings": 1}


async def test_what_another_node_wrote_is_seen_at_once(nodes: tuple[Node, Node]) -> None:
    """Entries, members and marks of another process are in the next resume and digest."""
    ours, theirs = nodes
    await ours.log.append([row(CHAT, 1)])
    for seq in range(2, 12):
        await ours.told(ANN)
        await theirs.log.append([row(CHAT, seq)])
        resumed = await ours.sync.resume(ANN, [Position(CHAT, Seq(seq - 1))])
        assert (resumed.entries, resumed.states[0].head_seq) == ([row(CHAT, seq).entry], seq)
        assert await ours.sync.digest(ANN) == weight(CHAT) * seq % 2**64
    await theirs.mark(Mark(CHAT, BOB, read_seq=Seq(11)))
    assert (await ours.told(ANN))[CHAT] == (11, 1, 0, 0, 11)
    await theirs.log.append([row(TEAM, 1, joining(1, ANN, BOB)), row(TEAM, 2, leaving(ANN))])
    assert (await ours.told(ANN))[TEAM] == (2, 1, 2, 0, 0)


async def test_a_store_that_cannot_tell_is_read_each_time(tmp_path: Path) -> None:
    """Without the number memory is never believed."""
    path = tmp_path / "message.db"
    async with Database(path, SCHEMA) as one, Database(path, SCHEMA) as two:
        ours, theirs = Node(one, blind=True), Node(two)
        await ours.log.append([row(CHAT, 1)])
        assert await ours.entries(ANN, CHAT) == [row(CHAT, 1).entry]
        gone = ((Seq(1), b"gone"),)
        await theirs.log.append([row(CHAT, 2, tombstones=gone)])
        assert await ours.entries(ANN, CHAT) == [b"gone", row(CHAT, 2).entry]
        assert ours.gates.reads == {"standings": 2, "read_each": 2}


async def test_a_recalled_body_is_not_given_out(nodes: tuple[Node, Node]) -> None:
    """What was recalled, here or on another node, is its tombstone from then on."""
    ours, theirs = nodes
    await ours.told(ANN)
    await ours.log.append([row(CHAT, seq) for seq in range(1, 4)])
    await ours.log.append([row(CHAT, 4, tombstones=((Seq(2), b"gone"),))])
    assert await ours.entries(ANN, CHAT) == [row(CHAT, 1).entry, b"gone", row(CHAT, 3).entry, row(CHAT, 4).entry]
    assert not ours.gates.reads["read_each"]
    await theirs.log.append([row(CHAT, 5, tombstones=((Seq(1), b"gone too"), (Seq(3), b"and this")))])
    assert (await ours.entries(ANN, CHAT))[:3] == [b"gone too", b"gone", b"and this"]


async def test_a_failed_append_is_not_believed_to_be_nothing(node: Node) -> None:
    """When nobody knows whether an append is stored, the store is asked, and what is there is told."""
    await node.log.append([row(CHAT, 1)])
    await node.told(ANN)

    async def lose() -> None:
        raise errors.unavailable("STORE_UNAVAILABLE", "the answer was lost")

    node.gates.written = lose
    with pytest.raises(MeshError):
        await node.log.append([row(CHAT, 2)])
    assert (await node.told(ANN))[CHAT][0] == 2
    assert await node.entries(ANN, CHAT, 1) == [row(CHAT, 2).entry]


async def test_an_append_that_is_given_up_is_seen(node: Node) -> None:
    """An append whose caller was cancelled may be stored later: it is told as soon as it is."""
    await node.log.append([row(CHAT, 1)])
    await node.told(ANN)
    for seq in range(2, 22):
        append = asyncio.create_task(node.log.append([row(CHAT, seq)]))
        await asyncio.sleep(0)
        append.cancel()
        with pytest.raises(asyncio.CancelledError):
            await append
        head = (await node.log.heads([CHAT]))[CHAT]
        assert (await node.told(ANN))[CHAT][0] >= head
        if (await node.log.heads([CHAT]))[CHAT] < seq:
            await node.log.append([row(CHAT, seq)])


async def test_what_clashed_is_not_remembered(nodes: tuple[Node, Node]) -> None:
    """Of an append that met a taken place only what the store took is told."""
    ours, theirs = nodes
    await ours.log.append([row(CHAT, 1)])
    await ours.told(ANN)
    await theirs.log.append([row(CHAT, 2)])
    with pytest.raises(Clash) as clash:
        await ours.log.append([row(CHAT, 2), row(OTHER, 1)])
    assert clash.value.stored == 0
    assert await ours.told(ANN) == {CHAT: (2, 1, 0, 0, 0)}
    assert await ours.entries(ANN, CHAT) == [row(CHAT, 1).entry, row(CHAT, 2).entry]


async def test_what_is_written_while_a_user_is_read_is_not_lost(node: Node) -> None:
    """Appends and marks between the store's answer and its arrival are in what is remembered."""
    await node.log.append([row(CHAT, 1), row(TEAM, 1, joining(1, ANN))])
    answered, go_on = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        answered.set()
        await go_on.wait()

    node.gates.read = hold
    reading = asyncio.create_task(node.told(ANN))
    await answered.wait()
    await node.log.append([row(CHAT, 2), row(OTHER, 1), row(TEAM, 2, leaving(ANN)), row(TEAM, 3)])
    await node.mark(Mark(CHAT, BOB, read_seq=Seq(2)))
    go_on.set()
    expected = {CHAT: (2, 1, 0, 0, 2), OTHER: (1, 1, 0, 0, 0), TEAM: (2, 1, 2, 0, 0)}
    assert await reading == expected
    node.gates.read, node.gates.reads = _at_once, Counter()
    assert await node.told(ANN) == expected
    assert not node.gates.reads


async def test_too_much_written_while_a_user_is_read_is_read_again(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept for a slow read is bounded; beyond that the answer is right and not remembered."""
    monkeypatch.setattr("svc_message.application.memory.MAX_CHANGES", 3)
    answered, go_on = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        answered.set()
        await go_on.wait()

    node.gates.read = hold
    reading = asyncio.create_task(node.told(ANN))
    await answered.wait()
    await node.log.append([row(CHAT, seq) for seq in range(1, 9)])
    go_on.set()
    assert await reading == {}
    assert (await node.told(ANN))[CHAT][0] == 8
    assert node.gates.reads["standings"] == 2


async def test_a_user_who_is_read_while_another_node_writes_is_read_again(nodes: tuple[Node, Node]) -> None:
    """What was read before somebody else wrote does not stay."""
    ours, theirs = nodes
    await ours.log.append([row(CHAT, 1)])
    answered, go_on = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        answered.set()
        await go_on.wait()

    ours.gates.read = hold
    reading = asyncio.create_task(ours.told(ANN))
    await answered.wait()
    await theirs.log.append([row(CHAT, 2)])
    ours.gates.read = _at_once
    assert (await ours.told(BOB))[CHAT][0] == 2
    go_on.set()
    await reading
    assert (await ours.told(ANN))[CHAT][0] == 2


async def test_an_append_that_others_overtook_keeps_no_body(nodes: tuple[Node, Node]) -> None:
    """An entry that was recalled by another node before this one heard that it was stored is its tombstone."""
    ours, theirs = nodes
    await ours.told(ANN)
    stored, go_on = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        stored.set()
        await go_on.wait()

    ours.gates.written = hold
    appending = asyncio.create_task(ours.log.append([row(CHAT, 1)]))
    await stored.wait()
    await theirs.log.append([row(CHAT, 2, tombstones=((Seq(1), b"gone"),))])
    assert (await ours.entries(ANN, CHAT))[0] == b"gone"
    go_on.set()
    await appending
    assert (await ours.entries(ANN, CHAT))[0] == b"gone"


async def test_memory_is_bounded(tmp_path: Path) -> None:
    """Beyond the bounds the users and entries of longest ago go, and are read again when they are asked for."""
    async with Database(tmp_path / "message.db", SCHEMA) as database:
        node = Node(database, Places(capacity=6), Recent(max_bytes=2_000, max_entries=3))
        users = [UserId(f"u{number:015d}") for number in range(1, 6)]
        for user in users:
            await node.log.append([row(direct_id(user, user), seq) for seq in range(1, 6)])
        for user in users:
            await node.told(user)
        node.gates.reads.clear()
        for user in reversed(users):
            assert await node.entries(user, direct_id(user, user)) == [
                row(direct_id(user, user), s).entry for s in range(1, 6)
            ]
        assert node.gates.reads == {"standings": 2, "read_each": 5}
        own = direct_id(users[0], users[0])
        node.gates.reads.clear()
        await node.log.append([row(own, seq) for seq in (6, 7, 8, 9)])
        assert await node.entries(users[0], own, 6) == [row(own, seq).entry for seq in (7, 8, 9)]
        assert not node.gates.reads
        assert await node.entries(users[0], own, 5) == [row(own, seq).entry for seq in (6, 7, 8, 9)]
        assert node.gates.reads == {"read_each": 1}


GROUPS = (TEAM, ConversationId("g" + "2" * 15))
Step = tuple[int, int, int, int]


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(st.tuples(*(st.integers(0, 5) for _ in range(4))), max_size=25), seed=st.integers(0, 2**32))
def test_memory_says_what_the_store_says(steps: list[Step], seed: int) -> None:
    """Whatever two nodes write, at once or in turn, each tells what is in the store."""
    with TemporaryDirectory() as folder:
        asyncio.run(_compare(Path(folder), steps, random.Random(seed)))


async def _compare(folder: Path, steps: list[Step], chance: random.Random) -> None:
    async with two_nodes(folder) as nodes:
        for step in steps:
            acting = nodes[step[0] % 2 if chance.random() < 0.4 else 0]
            work = [_do(acting, step)]
            if chance.random() < 0.5:  # somebody comes at the same time
                work.append(_look(chance.choice(nodes), chance.choice(USERS)))
            await asyncio.gather(*work)
            for user in chance.sample(USERS, 2):
                await _agree(chance.choice(nodes), user)


async def _look(node: Node, user: UserId) -> None:
    await node.told(user)


async def _do(node: Node, step: Step) -> None:
    _, kind, which, who = step
    users = [user for index, user in enumerate(USERS) if who + 1 & 1 << index]
    if kind == 0:
        await node.mark(Mark((CHAT, OTHER, *GROUPS)[which % 4], USERS[who % 3], read_seq=Seq(which + 1)))
        return
    chat = (CHAT, OTHER, PERSONAL)[which % 3] if kind in {1, 2} else GROUPS[which % 2]
    seq = (await node.log.heads([chat]))[chat] + 1
    members = {3: joining(seq, *users), 4: leaving(*users)}.get(kind)
    tombstones = ((Seq(seq - 1), b"gone"),) if kind == 2 and seq > 1 else ()
    await node.log.append([row(chat, seq, members, tombstones), row(chat, seq + 1, tombstones=((Seq(seq), b"x"),))])


async def _agree(node: Node, user: UserId) -> None:
    told = await node.told(user)
    expected = {
        one.conversation_id: (
            min(one.left_seq or one.head_seq, one.head_seq),
            one.first_seq,
            one.left_seq,
            one.read_seq,
            one.peer_read_seq,
        )
        for one in await node.members.standings(user)
    }
    assert told == expected
    for chat, (head, first, *_) in told.items():
        stored = await node.log.read(chat, first, head, 1_000)
        assert await node.entries(user, chat) == [one.entry for one in stored]
