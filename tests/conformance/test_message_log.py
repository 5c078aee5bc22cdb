"""What every store of the message service keeps of a log: entries at their places, under their keys."""

import asyncio

import pytest

from svc_message.domain.conversation import ConversationId, GroupRights, Seq, direct_id
from svc_message.domain.entry import EntryKind, GroupDelta, Row
from svc_message.domain.ports import Clash, Mark, Run, Span, Unread, UnreadAsk
from tests.conformance import log_nodes
from tests.conformance.log_nodes import (
    ANN,
    BOB,
    CHAT,
    LAPTOP,
    OTHER,
    OWN,
    PHONE,
    TEAM,
    Node,
    Nodes,
    joining,
    row,
)

nodes = log_nodes.nodes


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
