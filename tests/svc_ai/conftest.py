"""A world for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.svc_ai.world import World, world


@pytest.fixture
async def at_work(tmp_path: Path) -> AsyncIterator[World]:
    """Return the neighbours at work; the test starts the AI service itself."""
    async with world(tmp_path) as made:
        yield made
