"""What every store keeps of what users have for themselves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from mesh.settings import Secret
from svc_message.domain.conversation import Seq, UserId, direct_id
from svc_message.domain.own import OPEN, Own, Veil
from svc_message.domain.ports import UnreadAsk
from svc_message.domain.push.quiet import QuietHours, QuietPeriod
from svc_message.infrastructure.store import open_store
from tests.conformance.own_nodes import ANN, BOB, CHAT, EVE, NOW, OTHER, Nodes, begin, record, row, scheduled
from tests.mongo.server import STORES, url_of


@pytest.fixture(params=STORES)
async def nodes(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Nodes]:
    async with url_of(request.param, f"sqlite:{tmp_path}/message.db") as url, AsyncExitStack() as stack:
        both = [await stack.enter_async_context(open_store(url, Secret())) for _ in "ab"]
        yield Nodes(*both)


async def test_records_are_kept_whole(nodes: Nodes) -> None:
    """What was put is there for every process, with all that it says, and only for its user."""
    await begin(nodes.ours, CHAT, OTHER)
    full = record(
        pinned=True,
        muted_until_ms=2**63 - 1,
        archived_at=3,
        unread_at=0,
        draft="dräft 😀",
        remark="r",
        deleted=True,
        veil=Veil(Seq(3), frozenset({5, 4_000_000_000})),
        untold=(5, 9),
        tell_at_ms=NOW,
        draft_waits=True,
        draft_told_at_ms=7,
    )
    assert await nodes.ours.owns.put(full)
    assert await nodes.theirs.owns.one(ANN, CHAT) == full
    assert await nodes.theirs.owns.of_user(ANN) == {CHAT: full}
    assert await nodes.theirs.owns.of_user(BOB) == {}
    assert await nodes.theirs.owns.one(ANN, OTHER) == Own(ANN, OTHER)


async def test_a_record_is_replaced_only_by_the_version_after_it(nodes: Nodes) -> None:
    """Of those who change the same version, one has its way, and the others are told."""
    await begin(nodes.ours, CHAT)
    stores = [nodes.ours.owns, nodes.theirs.owns] * 4
    for version in (1, 2):
        kept = await asyncio.gather(
            *(store.put(record(version, remark=str(number))) for number, store in enumerate(stores))
        )
        assert sum(kept) == 1
        assert await nodes.ours.owns.one(ANN, CHAT) == record(version, remark=str(kept.index(True)))
    assert not await nodes.ours.owns.put(record(4))
    assert not await nodes.ours.owns.put(record(1))


async def test_what_is_due_is_told_once(nodes: Nodes) -> None:
    """Records are due in their order until they are renewed, which only the version that is kept can be."""
    await begin(nodes.ours, CHAT, OTHER)
    assert await nodes.ours.owns.next_due() is None
    mine = record(tell_at_ms=NOW, untold=(1,), draft_waits=True)
    other = replace(record(tell_at_ms=NOW - 1), conversation_id=OTHER)
    await nodes.ours.owns.put(mine)
    await nodes.ours.owns.put(other)
    assert await nodes.theirs.owns.due(NOW, 9) == [other, mine]
    assert await nodes.theirs.owns.next_due() == NOW - 1
    assert await nodes.theirs.owns.due(NOW, 1) == [other]
    assert await nodes.theirs.owns.due(NOW - 1, 9) == [other]
    newer = record(2, tell_at_ms=NOW)
    await nodes.theirs.owns.put(newer)
    assert not await nodes.ours.owns.renew(replace(mine, tell_at_ms=0))
    assert not await nodes.ours.owns.renew(replace(Own(BOB, CHAT), version=1))
    assert await nodes.ours.owns.one(ANN, CHAT) == newer
    done = replace(newer, draft_told_at_ms=6, tell_at_ms=0)
    assert await nodes.ours.owns.renew(done)
    assert await nodes.theirs.owns.one(ANN, CHAT) == done
    assert await nodes.theirs.owns.due(NOW, 9) == [other]
    assert await nodes.ours.owns.renew(replace(other, tell_at_ms=0))
    assert await nodes.theirs.owns.next_due() is None


async def test_standings_say_what_is_hidden(nodes: Nodes) -> None:
    """The veil of a user comes with their place, and with nobody else's."""
    await begin(nodes.ours, CHAT, OTHER)
    veil = Veil(Seq(1), frozenset({2}))
    await nodes.ours.owns.put(record(veil=veil))
    await nodes.ours.owns.put(replace(record(), user_id=BOB))
    standings = await nodes.theirs.members.standings(ANN)
    assert {one.conversation_id: one.veil for one in standings} == {CHAT: veil, OTHER: OPEN}
    assert [one.veil for one in await nodes.theirs.members.standings(BOB)] == [OPEN]


async def test_hidden_ones_do_not_count(nodes: Nodes) -> None:
    """Unread posts and mentions are counted without the seqs that are named, within the limit."""
    await nodes.ours.log.append([row(CHAT, seq, mentions=(BOB,) if seq % 2 else ()) for seq in range(1, 9)])
    without = frozenset({1, 2, 3, 99})
    asks = [UnreadAsk(CHAT, 0, 8, without), UnreadAsk(CHAT, 2, 8, without), UnreadAsk(CHAT, 0, 8)]
    counted = await nodes.theirs.members.unread(BOB, asks, 100)
    assert [(one.posts, one.mentions) for one in counted] == [(5, 2), (5, 2), (8, 4)]
    [limited] = await nodes.theirs.members.unread(BOB, asks[:1], 2)
    assert (limited.posts, limited.mentions) == (2, 1)


async def test_quiet_hours_are_replaced(nodes: Nodes) -> None:
    """The last one set is there, its version rises by one, also when several set them at once."""
    hours = QuietHours(5, (QuietPeriod(1, 2, 3), QuietPeriod(127, 0, 1439)), "Asia/Shanghai")
    assert await nodes.ours.quiet.of_users([ANN]) == {}
    set_ = [store.quiet.set(ANN, hours) for store in (nodes.ours, nodes.theirs) * 3]
    assert sorted(kept.version for kept in await asyncio.gather(*set_)) == [1, 2, 3, 4, 5, 6]
    users = [UserId(f"u{n:015d}") for n in range(300)]
    assert await nodes.theirs.quiet.of_users([*users, ANN]) == {ANN: replace(hours, version=6)}


async def test_nothing_is_left_of_who_is_forgotten(nodes: Nodes) -> None:
    """Records of conversations, however many, quiet hours, messages that wait and that are claimed: all of one user."""
    many = [direct_id(ANN, UserId(f"u{number:015d}")) for number in range(450)]
    await nodes.ours.log.append([row(chat, 1) for chat in (CHAT, *many)])
    for chat in many:
        await nodes.ours.owns.put(replace(record(draft="mine", tell_at_ms=NOW), conversation_id=chat))
    for user in (ANN, BOB):
        await nodes.ours.owns.put(replace(record(remark="mine", tell_at_ms=NOW), user_id=user))
        await nodes.ours.quiet.set(user, QuietHours(until_ms=NOW))
        for number in (1, 2):
            await nodes.ours.schedules.add(scheduled(number, user), 9)
        await nodes.ours.schedules.claim(scheduled(1, user), NOW, NOW + 1)
    await nodes.ours.erasures.belongings(ANN)
    assert await nodes.theirs.owns.of_user(ANN) == {}
    for user in (ANN, EVE):
        await nodes.theirs.erasures.belongings(user)
    assert [own.user_id for own in await nodes.theirs.owns.due(NOW, 999)] == [BOB]
    assert list(await nodes.theirs.quiet.of_users([ANN, BOB])) == [BOB]
    assert {one.user_id for one in await nodes.theirs.schedules.due(NOW, 9)} == {BOB}
    assert not await nodes.theirs.schedules.claim(scheduled(2), NOW, NOW + 1)
    assert await nodes.ours.owns.put(record(draft="anew"))
