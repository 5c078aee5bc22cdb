"""One suite for every store of what users are to each other: what the port `Relations` promises."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from svc_user.domain.friend import FriendRequest, FriendRequestId, Pair, RequestState, Standing
from svc_user.domain.ports import (
    RequestQuery,
    Stale,
)
from tests.conformance.user_stores import NOTICE, NOW, STORES, Store, Stores, encode, user


@pytest.fixture(params=STORES)
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    """Each adapter in turn, empty."""
    opened: Callable[[Path], AbstractAsyncContextManager[Stores]] = request.param
    async with opened(tmp_path) as stores:
        yield stores


@pytest.fixture
def store(stores: Stores) -> Store:
    """It as one process has it."""
    return stores.ours


def befriended(pair: Pair) -> Pair:
    """The pair as friends."""
    mine, theirs = (replace(side, standing=Standing.FRIEND, since_ms=NOW) for side in (pair.mine, pair.theirs))
    return replace(pair, mine=mine, theirs=theirs)


async def test_a_pair_reads_the_same_from_both_sides(store: Store) -> None:
    """Sides, requests and revision; each side with the next version of its owner's list."""
    empty = await store.relations.load(user("ada"), user("bob"))
    request = FriendRequest(FriendRequestId("f1"), user("ada"), user("bob"), "hi", "B", NOW)
    request = request.decided(RequestState.REFUSED, NOW + 5, silent=True)
    mine = replace(empty.mine, tags=("a", "ö"), remark="B", starred=True)
    noted = befriended(replace(empty, sent=request, mine=mine))
    kept = await store.relations.save(empty, noted, [NOTICE])
    assert (kept.mine.version, kept.theirs.version, kept.revision) == (1, 1, 1)
    assert await store.relations.load(user("ada"), user("bob")) == kept
    mirrored = await store.relations.load(user("bob"), user("ada"))
    assert (mirrored.mine, mirrored.theirs, mirrored.received) == (kept.theirs, kept.mine, request)
    assert (mirrored.my_friends, mirrored.their_friends) == (1, 1)
    assert await store.relations.request(request.request_id) == request
    assert await store.relations.request(FriendRequestId("f2")) is None
    assert await store.owed() == [encode(NOTICE)]


async def test_a_pair_changes_from_the_revision_it_was_read_at(store: Store) -> None:
    """Of two changes at once, from either side, one counts."""
    ada = await store.relations.load(user("ada"), user("bob"))
    bob = await store.relations.load(user("bob"), user("ada"))
    saves = [store.relations.save(pair, befriended(pair), [NOTICE]) for pair in (ada, bob)]
    outcomes = await asyncio.gather(*saves, return_exceptions=True)
    assert sum(isinstance(outcome, Stale) for outcome in outcomes) == 1
    assert len(await store.owed()) == 1


async def test_friend_counts_follow(store: Store) -> None:
    """Up with a friendship, down with its end; a block changes neither count nor version."""
    pair = await store.relations.load(user("ada"), user("bob"))
    pair = await store.relations.save(pair, befriended(pair), [])
    pair = await store.relations.save(pair, replace(pair, mine=replace(pair.mine, blocked_at_ms=NOW)), [])
    assert pair.mine.version == 1
    again = await store.relations.load(user("ada"), user("bob"))
    assert (again.my_friends, again.my_blocked) == (1, 1)
    ended = replace(again, mine=replace(again.mine, standing=Standing.REMOVED))
    await store.relations.save(again, ended, [])
    again = await store.relations.load(user("ada"), user("bob"))
    assert (again.my_friends, again.their_friends) == (0, 1)


async def test_a_friend_list_is_read_by_version(store: Store) -> None:
    """Oldest change first, from a version on, with those who went away only when asked for; and by tag."""
    for name in ("bob", "cyd", "dan"):
        pair = await store.relations.load(user("ada"), user(name))
        tagged = replace(pair, mine=replace(pair.mine, tags=(name, "all")))
        await store.relations.save(pair, befriended(tagged), [])
    pair = await store.relations.load(user("ada"), user("bob"))
    await store.relations.save(pair, replace(pair, mine=replace(pair.mine, standing=Standing.REMOVED, tags=())), [])

    async def others(after: int, limit: int = 10, *, removed: bool = False, tag: str = "") -> list[str]:
        entries = await store.relations.entries(user("ada"), after, limit, removed=removed, tag=tag)
        assert entries.version == 4
        return [side.other_id for side in entries.sides]

    bob, cyd, dan = user("bob"), user("cyd"), user("dan")
    assert await others(0) == [cyd, dan]
    assert await others(2, removed=True) == [dan, bob]
    assert await others(0, 1) == [cyd]
    assert await others(0, tag="dan") == [dan]
    assert await others(0, tag="%") == []
    assert (await store.relations.entries(user("nobody"), 0, 10)).version == 0


async def test_lists_do_not_depend_on_whose_id_is_lower(store: Store) -> None:
    """Friends and blocks of somebody whose id lies between those of the others come in one order, page by page."""
    names = ["ada", "eve", "bob", "dan"]
    for at, name in enumerate(names, 1):
        pair = befriended(await store.relations.load(user("cyd"), user(name)))
        blocked = replace(pair, mine=replace(pair.mine, blocked_at_ms=at))
        await store.relations.save(replace(pair, mine=replace(pair.mine, standing=Standing.NONE)), blocked, [])
    friends, blocks = list[str](), list[str]()
    for place in range(4):
        [friend] = (await store.relations.entries(user("cyd"), place, 1)).sides
        [block] = await store.relations.blocked(user("cyd"), (5 - place, ""), 1)
        friends.append(friend.other_id)
        blocks.append(block.other_id)
    assert friends == [user(name) for name in names]
    assert blocks == friends[::-1]
    assert [side.other_id for side in (await store.relations.entries(user("cyd"), 0, 3)).sides] == friends[:3]
    assert [side.other_id for side in await store.relations.blocked(user("cyd"), None, 3)] == blocks[:3]


async def test_sides_are_read_for_any_pairs(store: Store) -> None:
    """One for each pair, empty for those who are nothing to each other."""
    pair = await store.relations.load(user("ada"), user("bob"))
    kept = await store.relations.save(pair, befriended(pair), [])
    asked = [(user("ada"), user("bob")), (user("ada"), user("cyd"))]
    sides = await store.relations.sides(asked)
    assert sides[asked[0]] == kept.mine
    assert sides[asked[1]].standing is Standing.NONE


async def test_blocks_are_read_newest_first(store: Store) -> None:
    """From a place on, also among blocks of the same millisecond."""
    for name, at in (("bob", 1), ("cyd", 2), ("dan", 2)):
        pair = await store.relations.load(user("ada"), user(name))
        await store.relations.save(pair, replace(pair, mine=replace(pair.mine, blocked_at_ms=at)), [])
    first = await store.relations.blocked(user("ada"), None, 2)
    rest = await store.relations.blocked(user("ada"), (first[-1].blocked_at_ms, first[-1].other_id), 2)
    assert [side.other_id for side in first + rest] == [user("dan"), user("cyd"), user("bob")]


async def test_requests_are_read_newest_first(store: Store) -> None:
    """By direction, from a place on, without the old ones, and only those that seem to wait when asked."""
    states = [(RequestState.PENDING, False), (RequestState.REFUSED, True), (RequestState.ACCEPTED, False)]
    for number, (state, silent) in enumerate(states, 1):
        pair = await store.relations.load(user("ada"), user(str(number)))
        request = FriendRequest(
            FriendRequestId(f"f{number}"), user("ada"), user(str(number)), "", "", NOW + number, state, silent
        )
        await store.relations.save(pair, replace(pair, sent=request), [])
    outgoing = RequestQuery(user("ada"), incoming=False, since_ms=NOW, pending_since_ms=None, before="", limit=10)

    async def ids(query: RequestQuery) -> list[str]:
        return [request.request_id for request in await store.relations.requests(query)]

    assert await ids(outgoing) == ["f3", "f2", "f1"]
    assert await ids(replace(outgoing, before="f3", limit=1)) == ["f2"]
    assert await ids(replace(outgoing, since_ms=NOW + 2)) == ["f3"]
    assert await ids(replace(outgoing, pending_since_ms=NOW)) == ["f2", "f1"]
    assert await ids(replace(outgoing, incoming=True)) == []
    incoming = replace(outgoing, user_id=user("2"), incoming=True)
    assert await ids(incoming) == ["f2"]
    assert await ids(replace(incoming, pending_since_ms=NOW)) == []


async def test_two_processes_change_a_pair_one_after_the_other(stores: Stores) -> None:
    """Of changes from one revision one counts, whichever process makes them; the others keep and owe nothing."""
    pair = await stores.ours.relations.load(user("ada"), user("bob"))
    saves = [
        store.relations.save(pair, befriended(replace(pair, mine=replace(pair.mine, remark=str(n)))), [NOTICE])
        for n, store in enumerate([stores.ours, stores.theirs] * 4)
    ]
    outcomes = await asyncio.gather(*saves, return_exceptions=True)
    kept = [one for one in outcomes if isinstance(one, Pair)]
    assert [type(one) for one in outcomes if not isinstance(one, Pair)] == [Stale] * 7
    assert [await stores.theirs.relations.load(user("ada"), user("bob"))] == kept
    assert len(await stores.ours.owed()) == 1


async def test_a_reader_of_a_friend_list_misses_nothing(stores: Stores) -> None:
    """Who reads what changed after the version that they were told last has it all in the end, while two processes
    change the list at once.
    """
    names = [f"n{n:02}" for n in range(24)]
    done = asyncio.Event()

    async def befriend(store: Store, name: str) -> None:
        pair = await store.relations.load(user("ada"), user(name))
        await store.relations.save(pair, befriended(pair), [])

    async def read() -> set[str]:
        seen, version = set[str](), 0
        while True:
            last = done.is_set()
            entries = await stores.ours.relations.entries(user("ada"), version, 100)
            seen |= {side.other_id for side in entries.sides}
            assert entries.version >= version
            version = entries.version
            if last:
                return seen

    reading = asyncio.create_task(read())
    stores_in_turn = [stores.ours, stores.theirs] * 12
    await asyncio.gather(*(befriend(store, name) for store, name in zip(stores_in_turn, names, strict=True)))
    done.set()
    assert await reading == {user(name) for name in names}
