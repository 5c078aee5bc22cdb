"""One suite for every store of broadcasts: what `svc_message.domain.administration.broadcast.Broadcasts` promises."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from mesh.settings import Secret
from svc_message.domain.administration.broadcast import Broadcast, Broadcasts, BroadcastState
from svc_message.domain.conversation import UserId
from svc_message.infrastructure.store import open_store
from tests.mongo.server import STORES, url_of


@pytest.fixture(params=STORES)
async def broadcasts(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Broadcasts]:
    """Each adapter in turn, empty."""
    async with (
        url_of(request.param, f"sqlite:{tmp_path / 'message.db'}") as url,
        open_store(url, Secret()) as store,
    ):
        yield store.broadcasts


def made(number: int) -> Broadcast:
    """A broadcast."""
    return Broadcast(f"b{number:015}", f"root {number}", "hello", "u1", 1_800_000_000_000 + number)


async def test_a_request_makes_one_broadcast(broadcasts: Broadcasts) -> None:
    """It comes back as it was kept, and the same request gets it again."""
    assert await broadcasts.add(made(1)) == made(1)
    assert await broadcasts.add(replace(made(2), request="root 1", text="other")) == made(1)
    assert await broadcasts.get(made(1).broadcast_id) == made(1)
    assert await broadcasts.get(made(2).broadcast_id) is None


async def test_how_far_it_came_is_kept_once(broadcasts: Broadcasts) -> None:
    """Of two who go on from the same place one is kept; what has ended goes no further."""
    await broadcasts.add(made(1))
    await broadcasts.add(made(2))
    further = made(1).further([UserId("u1"), UserId("u2")], last=False)
    assert await broadcasts.advance(made(1), further)
    assert not await broadcasts.advance(made(1), made(1).further([UserId("u1")], last=False))
    assert await broadcasts.running() == [further, made(2)]
    done = further.further([], last=True)
    assert (done.state, done.written, done.reached) == (BroadcastState.DONE, 2, "u2")
    assert await broadcasts.advance(further, done)
    assert not await broadcasts.advance(done, replace(done, state=BroadcastState.CANCELLED))
    assert await broadcasts.running() == [made(2)]
    assert await broadcasts.latest(1) == [made(2)]
    assert await broadcasts.latest(9) == [made(2), done]
