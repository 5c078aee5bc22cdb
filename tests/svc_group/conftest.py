"""A world for each test, with the group service in it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.mongo.server import STORES, url_of
from tests.svc_group.world import World, service, world


@pytest.fixture(params=STORES)
async def mesh(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    """Return the group service at work between its neighbours, over a fresh store of each kind."""
    async with (
        url_of(request.param, f"sqlite:{tmp_path}/group.db") as url,
        world(tmp_path, url) as made,
        service(made),
    ):
        yield made
