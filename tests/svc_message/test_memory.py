"""The memory of places and recent entries: no read for who was here lately, and never a word that is not true."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mesh import errors
from mesh.errors import MeshError
from mesh.infrastructure.sqlite import Database
from svc_message.application.sync.catch_up import Position, weight
from svc_message.application.sync.places import Places
from svc_message.application.sync.recent import Recent
from svc_message.domain.conversation import Seq, UserId, direct_id
from svc_message.domain.ports import Clash, Mark
from svc_message.infrastructure.sqlite import SCHEMA
from tests.svc_message.remembering import (
    ANN,
    BOB,
    CHAT,
    OTHER,
    PERSONAL,
    TEAM,
    BlindLog,
    Node,
    SlowLog,
    at_once,
    joining,
    leaving,
    row,
    two_nodes,
)


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[tuple[Node, Node]]:
    async with two_nodes(tmp_path) as made:
        yield made


@pytest.fixture
def node(nodes: tuple[Node, Node]) -> Node:
    return nodes[0]


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


async def test_what_another_node_wrote_is_seenat_once(nodes: tuple[Node, Node]) -> None:
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
        ours, theirs = Node(one, adapter=BlindLog), Node(two)
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


async def test_a_look_from_before_an_append_that_was_given_up_is_not_believed(tmp_path: Path) -> None:
    """An append that goes on alone may become durable after that look: only a later one covers it."""
    async with Database(tmp_path / "message.db", SCHEMA) as database:
        node = Node(database, adapter=SlowLog)
        store = node.store
        assert isinstance(store, SlowLog)
        telling = asyncio.create_task(node.told(ANN))
        await store.looked.wait()
        append = asyncio.create_task(node.log.append([row(CHAT, 1)]))
        await asyncio.sleep(0)
        append.cancel()
        await asyncio.wait({append})
        store.answer.set()
        assert await telling == {}
        store.write.set()
        assert await node.told(ANN) == {CHAT: (1, 1, 0, 0, 0)}


async def test_what_clashed_is_not_remembered(nodes: tuple[Node, Node]) -> None:
    """Of an append that met a taken place only what the store took is told, whoever was there first."""
    ours, theirs = nodes
    await ours.log.append([row(CHAT, 1)])
    await ours.told(ANN)
    with pytest.raises(Clash) as clash:
        await ours.log.append([row(OTHER, 1), row(CHAT, 1)])
    assert set(await ours.told(ANN)) == {CHAT, *[OTHER][: clash.value.stored]}
    await theirs.log.append([row(CHAT, 2)])
    with pytest.raises(Clash):
        await ours.log.append([row(CHAT, 2), row(PERSONAL, 1)])
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
    node.gates.read, node.gates.reads = at_once, Counter()
    assert await node.told(ANN) == expected
    assert not node.gates.reads


async def test_too_much_written_while_a_user_is_read_is_read_again(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept for a slow read is bounded; beyond that the answer is right and not remembered."""
    monkeypatch.setattr("svc_message.application.sync.memory.MAX_CHANGES", 3)
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
    ours.gates.read = at_once
    assert (await ours.told(BOB))[CHAT][0] == 2
    go_on.set()
    await reading
    assert (await ours.told(ANN))[CHAT][0] == 2


async def test_an_append_that_others_overtook_keeps_no_body(nodes: tuple[Node, Node]) -> None:
    """An entry that another node recalled before this one heard that it was stored is its tombstone, for all."""
    ours, theirs = nodes
    await ours.told(ANN)
    stored, go_on = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        stored.set()
        await go_on.wait()

    ours.gates.written = hold
    come_and_go = [row(TEAM, 1, joining(1, ANN)), row(TEAM, 2), row(TEAM, 3, leaving(ANN))]
    appending = asyncio.create_task(ours.log.append(come_and_go))
    await stored.wait()
    await theirs.log.append([row(TEAM, 4, tombstones=((Seq(2), b"gone"),))])
    expected = [come_and_go[0].entry, b"gone", come_and_go[2].entry]
    assert await ours.entries(ANN, TEAM) == expected
    go_on.set()
    await appending
    assert await ours.entries(ANN, TEAM) == expected


async def test_memory_is_bounded(tmp_path: Path) -> None:
    """Beyond the bounds the users and entries of longest ago go, and are read again when they are asked for."""
    async with Database(tmp_path / "message.db", SCHEMA) as database:
        node = Node(database, Places(capacity=6), Recent(max_bytes=1_000))
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
