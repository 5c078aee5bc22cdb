"""What every store of settings, answered requests and renewed answers must do, whatever it is made of."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from svc_ai.domain.renewal import Renewal
from svc_ai.domain.requests import KEPT_MS, Answered, Request
from svc_ai.domain.settings import AssistantSettings, ReplyMode
from tests.conformance.ai_stores import STORES, Stores

FULL = AssistantSettings(ReplyMode.MENTION, "be brief\n“and kind”", "small", 0.5, 100, 20, ("clock", "sums"), 1)
FIRST = Renewal("a", "c", 7, 1, "ann", "r1", held_until_ms=1_000)


@pytest.fixture(params=STORES)
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    """Return an empty store of each kind."""
    async with request.param(tmp_path) as made:
        yield made


async def test_settings_begin_as_is_usual(stores: Stores) -> None:
    """Where nobody changed any the settings are the usual ones, of version 0."""
    assert await stores.ours.settings.load("a", "c") == AssistantSettings()


async def test_settings_are_kept_whole(stores: Stores) -> None:
    """Every field comes back in another process, by assistant and conversation, and may be cleared again."""
    assert await stores.ours.settings.save("a", "c", FULL)
    assert await stores.theirs.settings.load("a", "c") == FULL
    assert await stores.theirs.settings.load("a", "d") == AssistantSettings()
    cleared = AssistantSettings(temperature=None, version=2)
    assert await stores.theirs.settings.save("a", "c", cleared)
    assert await stores.ours.settings.load("a", "c") == cleared
    assert await stores.ours.settings.save("a", "c", replace(FULL, temperature=0.0, version=3))
    assert (await stores.ours.settings.load("a", "c")).temperature == 0.0


async def test_settings_follow_the_version_before_only(stores: Stores) -> None:
    """Of two that change the same version at once one is kept, whichever version it is."""
    for version in (1, 2):
        both = [replace(FULL, model=name, version=version) for name in ("one", "two")]
        places = (stores.ours.settings, stores.theirs.settings)
        kept = await asyncio.gather(*(place.save("a", "c", one) for place, one in zip(places, both, strict=True)))
        assert sorted(kept) == [False, True]
        assert (await stores.ours.settings.load("a", "c")).model == both[kept.index(True)].model
    assert not await stores.ours.settings.save("a", "c", replace(FULL, version=5))
    assert not await stores.ours.settings.save("a", "c", replace(FULL, version=1))


async def test_the_first_answer_of_a_request_stands(stores: Stores) -> None:
    """Of two answers to one request the first is kept, also over processes; other users have ids of their own."""
    ours, theirs = (Answered(Request("ann", "r1", b"asked"), answer, 5_000) for answer in (b"one", b"two"))
    assert await stores.ours.requests.find("ann", "r1", 5_000) is None
    assert await stores.ours.requests.keep(ours) == ours
    assert await stores.theirs.requests.keep(theirs) == ours
    assert await stores.theirs.requests.find("ann", "r1", 5_000) == ours
    assert await stores.theirs.requests.find("bob", "r1", 5_000) is None


async def test_answers_are_kept_for_a_day(stores: Stores) -> None:
    """After 24 hours a request id is free again, and what is old is removed."""
    old = Answered(Request("ann", "r1", b"asked"), b"one", 5_000)
    await stores.ours.requests.keep(old)
    later = 5_000 + KEPT_MS
    assert await stores.ours.requests.find("ann", "r1", later - 1) == old
    assert await stores.ours.requests.find("ann", "r1", later) is None
    new = Answered(Request("ann", "r1", b"else"), b"two", later)
    assert await stores.ours.requests.keep(new) == new
    assert await stores.theirs.requests.find("ann", "r1", later) == new


async def test_a_renewal_begins_after_the_one_before_is_done(stores: Stores) -> None:
    """A question is answered anew by one at a time, with numbers that follow each other; others by themselves."""
    ours, theirs = stores.ours.renewals, stores.theirs.renewals
    other = replace(FIRST, asked_by="bob", request_id="r2")
    begun = await asyncio.gather(ours.begin(FIRST), theirs.begin(other))
    assert sorted(begun) == [False, True]
    standing = FIRST if begun[0] else other
    assert await theirs.find("a", "c", 7) == standing
    assert await ours.begin(replace(FIRST, seq=8))
    second = replace(FIRST, number=2, request_id="r3", held_until_ms=9_000)
    assert not await ours.begin(second)
    await theirs.end(standing)
    await theirs.end(standing)
    assert not await ours.begin(FIRST)
    assert not await ours.begin(replace(second, number=3))
    assert await ours.begin(second)
    assert await theirs.find("a", "c", 7) == second
    await theirs.end(standing)
    assert await theirs.find("a", "c", 7) == second


async def test_what_nobody_holds_is_left_for_one(stores: Stores) -> None:
    """A renewal that is no longer held is taken up once; one that is held or done is not."""
    ours, theirs = stores.ours.renewals, stores.theirs.renewals
    for seq, until in ((1, 3_000), (2, 2_000), (3, 9_000), (4, 1_000)):
        assert await ours.begin(replace(FIRST, seq=seq, held_until_ms=until))
    await ours.end(replace(FIRST, seq=4))
    left = await theirs.left(3_000, 10)
    assert [one.seq for one in left] == [2, 1]
    assert [one.seq for one in await theirs.left(3_000, 1)] == [2]
    taken = await asyncio.gather(ours.take(left[0], 5_000), theirs.take(left[0], 5_000))
    assert sorted(taken) == [False, True]
    found = await ours.find("a", "c", 2)
    assert found == replace(left[0], tries=2, held_until_ms=5_000)
    await ours.hold(left[0], 99_000)  # by who began it first, and has lost it
    await ours.hold(left[1], 6_000)
    assert [one.seq for one in await theirs.left(5_000, 10)] == [2]
    assert [one.seq for one in await theirs.left(6_000, 10)] == [2, 1]
