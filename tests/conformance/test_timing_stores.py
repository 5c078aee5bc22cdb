"""What every store keeps of what happens at its time: what is kept for how long, what expires, what is sent later."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from mesh.settings import Secret
from svc_message.domain.conversation import ConversationId, Seq, UserId
from svc_message.domain.entry import EntryKind, GroupDelta, Row
from svc_message.domain.ports import Mark, Span, UnreadAsk
from svc_message.domain.timing.expiry import Expiring
from svc_message.domain.timing.retention import DAY_MS, Kept
from svc_message.domain.timing.schedule import Scheduled
from svc_message.infrastructure.store import Store, open_store
from tests.conformance.own_nodes import ANN, BOB, CHAT, EVE, NOW, OTHER, SELF, Nodes, begin, row, scheduled
from tests.mongo.server import STORES, url_of


@pytest.fixture(params=STORES)
async def nodes(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Nodes]:
    async with url_of(request.param, f"sqlite:{tmp_path}/message.db") as url, AsyncExitStack() as stack:
        both = [await stack.enter_async_context(open_store(url, Secret())) for _ in "ab"]
        yield Nodes(*both)


async def test_retention_is_set_by_an_entry(nodes: Nodes) -> None:
    """How long entries are kept, and since when, follows the last entry that says so."""
    store = nodes.ours
    await begin(store, CHAT, OTHER, SELF)
    await store.log.append(
        [
            row(CHAT, 2, group=GroupDelta(retention_days=9)),
            row(CHAT, 3, group=GroupDelta(retention_days=2)),
            row(OTHER, 2, group=GroupDelta(retention_days=5)),
            row(SELF, 2, group=GroupDelta(retention_days=1)),
            row(SELF, 3, group=GroupDelta(retention_days=0)),
        ]
    )
    assert await nodes.theirs.retentions.days([CHAT, OTHER, SELF]) == {CHAT: 2, OTHER: 5}
    due = nodes.theirs.retentions.due
    assert await due(NOW + 2 * DAY_MS - 1, "", 9) == []
    assert await due(NOW + 2 * DAY_MS, "", 9) == [Kept(CHAT, 2)]
    both = sorted([Kept(CHAT, 2), Kept(OTHER, 5)], key=lambda kept: kept.conversation_id)
    assert await due(NOW + 5 * DAY_MS, "", 9) == both
    assert await due(NOW + 5 * DAY_MS, "", 1) == both[:1]
    assert await due(NOW + 5 * DAY_MS, both[0].conversation_id, 9) == both[1:]


async def seqs(store: Store) -> list[tuple[int, EntryKind]]:
    return [(one.seq, one.kind) for one in await store.log.read(CHAT, 1, 99, 99)]


async def test_a_cut_removes_what_is_before_it(nodes: Nodes) -> None:
    """It stands in its place, everything before is gone for everyone, heads stay, and doing it again is fine."""
    await begin(nodes.ours, CHAT, seqs=6)
    await nodes.ours.log.append([row(CHAT, 7, group=GroupDelta(retention_days=1))])
    for store in (nodes.ours, nodes.theirs):
        await store.retentions.cut(CHAT, Seq(4), b"cut")
    assert await seqs(nodes.theirs) == [(4, EntryKind.CUT), *((seq, EntryKind.POST) for seq in (5, 6, 7))]
    assert [one.entry for one in await nodes.theirs.log.read(CHAT, 4, 4, 1)] == [b"cut"]
    [standing] = await nodes.theirs.members.standings(BOB)
    assert (standing.cut_seq, standing.head_seq) == (4, 7)
    place = await nodes.theirs.members.one(CHAT, BOB)
    assert place is not None
    assert place.first_seq == (await nodes.theirs.members.of_user(BOB))[CHAT].first_seq == 4
    assert await nodes.theirs.retentions.days([CHAT]) == {CHAT: 1}
    [run] = await nodes.theirs.log.read_each([Span(CHAT, 1, 7)], 2, 9_999)
    assert (len(run.entries), run.reached) == (2, 5)
    assert (await nodes.theirs.log.heads([CHAT]))[CHAT] == 7
    [counted] = await nodes.theirs.members.unread(BOB, [UnreadAsk(CHAT, 0, 7)], 99)
    assert counted.posts == 3
    await nodes.theirs.retentions.cut(CHAT, Seq(6), b"cut")
    assert [seq for seq, _ in await seqs(nodes.ours)] == [6, 7]


def vanishing(conversation_id: ConversationId, seq: int, after_ms: int, sender: UserId = ANN) -> Row:
    return row(conversation_id, seq, group=GroupDelta(expires_after_ms=after_ms), sender=sender)


async def begun(store: Store, now_ms: int, size: int = 9) -> int:
    """Look at all that waits, in pieces; how many pieces there were."""
    after, pieces = "", 0
    while True:
        after, pieces = await store.expiries.begin(now_ms, after, size), pieces + 1
        if not after:
            return pieces


async def test_posts_expire_after_they_were_read(nodes: Nodes) -> None:
    """In a chat of two the time begins when the other one has read, elsewhere with the sending."""
    store = nodes.ours
    group = ConversationId("g" + "1" * 15)
    await store.log.append(
        [
            vanishing(CHAT, 1, 500),
            vanishing(CHAT, 2, 100),
            vanishing(SELF, 1, 300),
            vanishing(group, 1, 200),
            row(CHAT, 3),
        ]
    )
    assert await nodes.theirs.expiries.next_due() == NOW + 200
    assert await nodes.theirs.expiries.due(NOW + 199, 9) == []
    assert await nodes.theirs.expiries.due(NOW + 200, 9) == [Expiring(group, Seq(1))]
    sent = [Expiring(group, Seq(1)), Expiring(SELF, Seq(1))]
    assert await nodes.theirs.expiries.due(NOW + 9_999, 9) == sent
    await store.members.advance([Mark(CHAT, ANN, read_seq=Seq(2)), Mark(CHAT, BOB, read_seq=Seq(1))])
    await begun(nodes.theirs, NOW + 1_000)
    await begun(nodes.ours, NOW + 5_000)
    assert await nodes.ours.expiries.due(NOW + 1_500, 9) == [*sent, Expiring(CHAT, Seq(1))]
    await store.expiries.done(sent)
    await store.expiries.done(sent)
    assert await nodes.theirs.expiries.due(NOW + 1_500, 9) == [Expiring(CHAT, Seq(1))]
    assert await nodes.theirs.expiries.due(NOW + 1_499, 9) == []
    assert await nodes.theirs.expiries.next_due() == NOW + 1_500
    await store.expiries.done([Expiring(CHAT, Seq(1))])
    assert await nodes.theirs.expiries.next_due() is None


async def test_those_that_wait_are_looked_at_in_pieces(nodes: Nodes) -> None:
    """However many wait unread, a look is bounded, and a round comes to each of them."""
    posts = [vanishing(chat, seq, 1, ANN) for chat in (CHAT, OTHER) for seq in range(1, 6)]
    await nodes.ours.log.append(posts)
    await nodes.ours.members.advance([Mark(OTHER, EVE, read_seq=Seq(9)), Mark(CHAT, BOB, read_seq=Seq(2))])
    assert await begun(nodes.theirs, NOW, size=3) == 4
    due = await nodes.ours.expiries.due(NOW + 1, 99)
    assert sorted(due) == sorted(
        [Expiring(OTHER, Seq(n)) for n in range(1, 6)] + [Expiring(CHAT, Seq(n)) for n in (1, 2)]
    )


async def named(found: Sequence[Scheduled]) -> list[int]:
    return [one.client_message_id for one in found]


async def test_scheduled_messages_wait(nodes: Nodes) -> None:
    """They are listed by user in the order of their times, and due in it; the same name is kept once."""
    ours, theirs = nodes.ours.schedules, nodes.theirs.schedules
    assert await theirs.next_due() is None
    for number, at in ((1, NOW + 2), (2, NOW), (3, NOW + 1)):
        assert await ours.add(scheduled(number, at=at), 9) == scheduled(number, at=at)
    assert await theirs.add(scheduled(1, send=b"other"), 9) == scheduled(1, at=NOW + 2)
    assert await ours.add(scheduled(1, BOB), 9) == scheduled(1, BOB)
    assert await named(await theirs.of_user(ANN)) == [2, 3, 1]
    assert await theirs.of_user(EVE) == []
    assert sorted(await named(await theirs.due(NOW + 1, 9))) == [1, 2, 3]
    assert await theirs.due(NOW - 1, 9) == []
    assert len(await theirs.due(NOW + 9, 2)) == 2
    assert await theirs.next_due() == NOW


async def test_one_node_at_a_time_sends_a_message(nodes: Nodes) -> None:
    """Of two that found the same message due one claims it; the other one may when that claim has ended."""
    ours, theirs = nodes.ours.schedules, nodes.theirs.schedules
    await ours.add(scheduled(1), 9)
    [[one], [same]] = await ours.due(NOW, 9), await theirs.due(NOW, 9)
    claims = await asyncio.gather(*(store.claim(one, NOW, NOW + 60) for store in (ours, theirs) * 4))
    assert sorted(claims) == [False] * 7 + [True]
    assert await theirs.due(NOW + 59, 9) == []
    assert not await theirs.claim(same, NOW + 59, NOW + 200)
    assert await theirs.next_due() == NOW + 60
    assert await theirs.due(NOW + 60, 9) == [same]
    assert await theirs.claim(same, NOW + 60, NOW + 120)
    assert not await ours.claim(scheduled(2), NOW, NOW + 60)


async def test_a_message_that_is_being_sent_is_not_cancelled(nodes: Nodes) -> None:
    """Either it is cancelled or it is sent; after it was put off it can be cancelled again, if whoever did so lets."""
    ours, theirs = nodes.ours.schedules, nodes.theirs.schedules
    await ours.add(scheduled(1), 9)
    assert await theirs.claim(scheduled(1), NOW, NOW + 60)
    assert not await ours.cancel(ANN, CHAT, 1)
    await theirs.put_off(scheduled(1), NOW + 60, NOW + 5, cancellable=False)
    assert not await ours.cancel(ANN, CHAT, 1)
    assert await named(await ours.due(NOW + 5, 9)) == [1]
    assert await named(await ours.due(NOW + 4, 9)) == []
    assert await theirs.claim(scheduled(1), NOW + 5, NOW + 65)
    await theirs.put_off(scheduled(1), NOW + 65, NOW + 9, cancellable=True)
    assert not await ours.cancel(BOB, CHAT, 1)
    assert await ours.cancel(ANN, CHAT, 1)
    assert not await ours.cancel(ANN, CHAT, 1)
    assert not await theirs.claim(scheduled(1), NOW + 60, NOW + 120)
    await ours.add(scheduled(2), 9)
    await theirs.done(scheduled(2))
    assert await ours.of_user(ANN) == []


async def test_only_who_sends_a_message_lets_it_be_cancelled(nodes: Nodes) -> None:
    """A node that was slow and puts it off late does not open a message that another one is sending by now."""
    ours, theirs = nodes.ours.schedules, nodes.theirs.schedules
    await ours.add(scheduled(1), 9)
    assert await ours.claim(scheduled(1), NOW, NOW + 60)
    assert await theirs.claim(scheduled(1), NOW + 60, NOW + 120)
    await ours.put_off(scheduled(1), NOW + 60, NOW + 65, cancellable=True)
    assert not await ours.cancel(ANN, CHAT, 1)
    assert await ours.next_due() == NOW + 120
    await theirs.put_off(scheduled(1), NOW + 120, NOW + 125, cancellable=True)
    assert await ours.cancel(ANN, CHAT, 1)


async def test_a_cancelled_message_is_not_sent_in_place_of_its_successor(nodes: Nodes) -> None:
    """Cancelled and scheduled anew under its number, with other words or for later: who saw the old one lets it be."""
    ours, theirs = nodes.ours.schedules, nodes.theirs.schedules
    for number, anew in ((1, scheduled(1, send=b"better")), (2, scheduled(2, at=NOW + 9))):
        await ours.add(scheduled(number), 9)
        assert await theirs.due(NOW, 9) == [scheduled(number)]
        assert await ours.cancel(ANN, CHAT, number)
        assert await ours.add(anew, 9) == anew
        assert not await theirs.claim(scheduled(number), NOW + 9, NOW + 60)
        await theirs.done(scheduled(number))
        assert await ours.claim(anew, NOW + 9, NOW + 60)
        await ours.done(anew)


async def test_so_many_of_a_user_wait(nodes: Nodes) -> None:
    """The bound holds however many are added at once; what is there already is answered beyond it."""
    stores = [nodes.ours.schedules, nodes.theirs.schedules] * 6
    added = await asyncio.gather(*(store.add(scheduled(number), 5) for number, store in enumerate(stores, 1)))
    kept = [one for one in added if one]
    assert len(kept) == len(await nodes.ours.schedules.of_user(ANN)) == 5
    assert await nodes.ours.schedules.add(kept[0], 5) == kept[0]
    assert await nodes.ours.schedules.add(scheduled(1, BOB), 5)
    await nodes.ours.schedules.done(kept[0])
    assert await nodes.ours.schedules.add(scheduled(99), 5)
