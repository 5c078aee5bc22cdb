"""A running user service for each test that asks for one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from svc_user.app import Settings
from tests.mongo.server import STORES, url_of
from tests.svc_user.world import CHEAP, World, running


@pytest.fixture(params=STORES)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    """The service over a fresh store of each kind."""
    async with (
        url_of(request.param, f"sqlite:{tmp_path / 'user.db'}") as url,
        running(tmp_path, Settings(hashing=CHEAP, store_url=url)) as world,
    ):
        yield world
