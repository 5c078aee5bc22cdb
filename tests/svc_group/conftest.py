"""A world for each test, with the group service in it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.mongo.server import STORES, fresh_url
from tests.svc_group.world import World, service, world


@pytest.fixture(params=STORES)
async def mesh(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    """Return the group service at work between its neighbours, over a fresh store of each kind."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(fresh_url()) if request.param == "mongo" else ""
        made = await stack.enter_async_context(world(tmp_path, store_url=url))
        yield await stack.enter_async_context(service(made))
