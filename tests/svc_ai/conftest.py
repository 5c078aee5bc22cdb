"""A world for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mesh.settings import Secret
from svc_ai.infrastructure.models import ModelSettings
from tests.svc_ai.chat_server import KEY, chat_server
from tests.svc_ai.staged import Stage, staged
from tests.svc_ai.world import World, world


@pytest.fixture
async def at_work(tmp_path: Path) -> AsyncIterator[World]:
    """Return the neighbours at work; the test starts the AI service itself."""
    async with world(tmp_path) as made:
        yield made


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """Return a model of one server."""
    async with chat_server() as server, staged(ModelSettings(server.url, "a-model", Secret(KEY)), server) as made:
        yield made
