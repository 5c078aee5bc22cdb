"""What every store of bots must do, whatever it is made of."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mesh.clock import FakeClock
from mesh.settings import Secret
from svc_user.domain.bot import Bot, Bots, BotToken
from svc_user.domain.session import SessionId
from svc_user.infrastructure.store import open_store
from tests.conformance.user_stores import NOW, encode, user
from tests.mongo.server import STORES, url_of

ADA, BEN = user("ada"), user("ben")


@dataclass(frozen=True)
class Stores:
    """One store as two processes have it open."""

    ours: Bots
    theirs: Bots


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Bots]:
    """The store at a URL."""
    async with open_store(url, Secret(), FakeClock(NOW), encode) as made:
        yield made.bots


@pytest.fixture(params=STORES)
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    """Return an empty store of each kind."""
    async with (
        url_of(request.param, f"sqlite:{tmp_path / 'user.db'}") as url,
        opened(url) as ours,
        opened(url) as theirs,
    ):
        yield Stores(ours, theirs)


def bot(number: int, *tokens: BotToken) -> Bot:
    """A bot of Ada's."""
    return Bot(user(f"b{number}"), ADA, NOW + number, tokens)


TOKEN = BotToken(SessionId("s" + "1" * 15), "at home", (1, 2), NOW)


async def test_what_is_kept_comes_back(stores: Stores) -> None:
    """Bots with their tokens are found by id and by owner, the oldest first, in every process; others own none."""
    two, one = bot(2), bot(1, TOKEN, replace(TOKEN, token_id=SessionId("s" + "2" * 15), scopes=()))
    await stores.ours.change(ADA, lambda _: [two, one])
    assert await stores.theirs.of_owner(ADA) == [one, two]
    assert await stores.theirs.get(one.bot_id) == one
    assert await stores.theirs.of_owner(BEN) == []
    assert await stores.theirs.get(ADA) is None


async def test_bots_are_listed_in_their_order(stores: Stores) -> None:
    """Page by page all ids come once, whoever owns them, and those that are gone do not."""
    of_ben = [replace(bot(number), owner_id=BEN) for number in (2, 5)]
    await stores.ours.change(ADA, lambda _: [bot(number) for number in (4, 1, 3)])
    await stores.ours.change(BEN, lambda _: of_ben)
    found, after = list[str](), ""
    while page := await stores.theirs.after(after, 2):
        assert len(page) <= 2
        found += page
        after = page[-1]
    assert found == sorted(user(f"b{number}") for number in range(1, 6))
    await stores.ours.change(BEN, lambda _: [])
    assert await stores.theirs.after(bot(1).bot_id, 10) == sorted(user(f"b{number}") for number in (3, 4))


async def test_a_change_sees_what_is_there(stores: Stores) -> None:
    """A change is shown the bots as they are, takes away what it leaves out, and one that raises changes nothing."""
    await stores.ours.change(ADA, lambda _: [bot(1), bot(2)])
    seen: list[Sequence[Bot]] = []

    def drop_first(owned: Sequence[Bot]) -> Sequence[Bot]:
        seen.append(tuple(owned))
        return owned[1:]

    await stores.theirs.change(ADA, drop_first)
    assert seen[-1] == (bot(1), bot(2))
    assert await stores.ours.of_owner(ADA) == [bot(2)]
    assert await stores.ours.get(bot(1).bot_id) is None

    def refuse(_: Sequence[Bot]) -> Sequence[Bot]:
        raise KeyError("no")

    with pytest.raises(KeyError):
        await stores.ours.change(ADA, refuse)
    assert await stores.ours.of_owner(ADA) == [bot(2)]
    await stores.ours.change(ADA, lambda _: [])
    assert await stores.theirs.of_owner(ADA) == []


async def test_changes_of_two_processes_do_not_overlap(stores: Stores) -> None:
    """Of many changes at once each sees the one before it, whichever process makes it."""
    await stores.ours.change(ADA, lambda _: [])

    async def grow(store: Bots, number: int) -> None:
        await store.change(ADA, lambda owned: [*owned, bot(number)])

    numbers = range(10)
    await asyncio.gather(*(grow(stores.ours if number % 2 else stores.theirs, number) for number in numbers))
    assert len(await stores.ours.of_owner(ADA)) == 10
