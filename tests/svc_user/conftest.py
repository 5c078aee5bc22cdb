"""A running user service for each test that asks for one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.svc_user.world import World, running


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """The service over a fresh store."""
    async with running(tmp_path) as world:
        yield world
