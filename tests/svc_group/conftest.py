"""A world for each test, with the group service in it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.svc_group.world import World, service, world


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[World]:
    """Return the group service at work between its neighbours."""
    async with world(tmp_path) as made, service(made):
        yield made
