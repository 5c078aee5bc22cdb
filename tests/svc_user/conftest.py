"""A running user service for each test that asks for one."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from svc_user.app import Settings
from tests.mongo.server import STORES, fresh_url
from tests.svc_user.world import CHEAP, World, running


@pytest.fixture(params=STORES)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    """The service over a fresh store of each kind."""
    async with AsyncExitStack() as stack:
        settings = None
        if request.param == "mongo":
            settings = Settings(hashing=CHEAP, store_url=await stack.enter_async_context(fresh_url()))
        yield await stack.enter_async_context(running(tmp_path, settings))
