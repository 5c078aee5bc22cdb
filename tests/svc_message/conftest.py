"""A message node and a gateway in one process, for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.svc_message.receiver import Hook, hook
from tests.svc_message.world import World, mesh_of_one


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[World]:
    """Return the two services at work."""
    async with mesh_of_one(tmp_path) as made:
        yield made


@pytest.fixture
async def carrier() -> AsyncIterator[Hook]:
    """A program that is told whom to notify."""
    async with hook() as made:
        yield made
