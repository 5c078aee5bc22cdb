"""Meshes and people for the journeys."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.journeys.mesh import Mesh
from tests.journeys.people import People


@pytest.fixture(scope="session")
def shared_mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """A mesh for all stories that leave it running; each has users of its own."""
    mesh = Mesh(tmp_path_factory.mktemp("mesh") / "data")
    try:
        mesh.start()
        yield mesh
    finally:
        mesh.close()


@pytest.fixture
def own_mesh(tmp_path: Path) -> Iterator[Mesh]:
    """A mesh that the story may kill."""
    mesh = Mesh(tmp_path / "data")
    try:
        mesh.start()
        yield mesh
    finally:
        mesh.close()


@pytest.fixture
async def people(shared_mesh: Mesh, tmp_path: Path) -> AsyncIterator[People]:
    """Users on the shared mesh."""
    async with People(shared_mesh.address, tmp_path) as people:
        yield people


@pytest.fixture
async def own_people(own_mesh: Mesh, tmp_path: Path) -> AsyncIterator[People]:
    """Users on the mesh that the story may kill."""
    async with People(own_mesh.address, tmp_path) as people:
        yield people
