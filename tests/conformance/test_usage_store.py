"""What every store of the use of the model must do, whatever it is made of."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from svc_ai.domain.reply import Usage
from svc_ai.domain.usage import DayUse
from tests.conformance.ai_stores import STORES, Stores

TODAY = 20_000


@pytest.fixture(params=STORES)
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    """Return an empty store of each kind."""
    async with request.param(tmp_path) as made:
        yield made


async def test_whoever_used_nothing_has_nothing(stores: Stores) -> None:
    """A user that nobody knows is at zero, and no error."""
    assert await stores.ours.usage.of("u1", TODAY) == DayUse()


async def test_calls_add_up_by_user_and_day(stores: Stores) -> None:
    """Each kind of token is summed for itself, and what they cost; other users and other days are not touched."""
    await stores.ours.usage.add("u1", TODAY, Usage(10, 3, 4, cost_micros=7))
    await stores.theirs.usage.add("u1", TODAY, Usage(100, 30, 40, cost_micros=70))
    await stores.ours.usage.add("u1", TODAY + 1, Usage(1, 1))
    await stores.ours.usage.add("u2", TODAY, Usage(5, 5))
    assert await stores.theirs.usage.of("u1", TODAY) == DayUse(2, Usage(110, 33, 44, cost_micros=77))
    assert await stores.theirs.usage.of("u1", TODAY + 1) == DayUse(1, Usage(1, 1))
    assert await stores.theirs.usage.of("u2", TODAY) == DayUse(1, Usage(5, 5))


async def test_no_call_is_lost_among_many(stores: Stores) -> None:
    """Two processes that add at once, from the very first call on, lose none of them."""
    both = [stores.ours.usage, stores.theirs.usage] * 20
    await asyncio.gather(*(store.add("u1", TODAY, Usage(2, 1)) for store in both))
    assert await stores.ours.usage.of("u1", TODAY) == DayUse(40, Usage(80, 40))


async def test_old_days_are_let_go(stores: Stores) -> None:
    """Everything before a day goes, that day and those after it stay, also where the number of digits changes."""
    days = (999, 1_000, TODAY - 1, TODAY, TODAY + 1)
    for day in days:
        await stores.ours.usage.add("u1", day, Usage(1, 1))
    await stores.theirs.usage.forget_before(TODAY)
    await stores.theirs.usage.forget_before(TODAY)
    assert [(await stores.ours.usage.of("u1", day)).requests for day in days] == [0, 0, 0, 1, 1]
