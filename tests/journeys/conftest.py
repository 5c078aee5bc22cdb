"""Meshes and people for the journeys.

With PARLEY_TEST_EDGE=host:port the stories are told to a mesh that runs there, as many processes over real parts;
those that end their mesh themselves are left out.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.journeys.mesh import Mesh, Running, started
from tests.journeys.operating import OperatorTerminal
from tests.journeys.people import Device, People

EDGE = os.environ.get("PARLEY_TEST_EDGE", "")

collect_ignore = (
    [
        "test_crash.py",
        "test_stopping.py",
        "test_lost_answers.py",
        "test_push.py",
        "test_judging.py",
        "test_model.py",
        "test_moments.py",
        "test_machine.py",
    ]
    if EDGE
    else []
)
"""The stories of a mesh that is ended, or started with settings of its own."""

if EDGE and "PARLEY_TEST_PROGRAMS" not in os.environ:
    collect_ignore.append("test_outside.py")  # the mesh must have been told of programs beside it

OPERATORS = os.environ.get("PARLEY_TEST_OPERATORS", "")
USER_STORE = os.environ.get("PARLEY_TEST_USER_STORE", "")

INSIDE = frozenset({"own_mesh", "bare_mesh"} if OPERATORS else {"own_mesh", "bare_mesh", "operator"})
"""What only a mesh of the test's own has: an edge is not ended, says no to some before a service is asked, and lets
administrators in at another address only.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out single stories of that kind."""
    if EDGE:
        items[:] = [item for item in items if INSIDE.isdisjoint(getattr(item, "fixturenames", ()))]


@pytest.fixture(scope="session")
def shared_mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh | Running]:
    """A mesh for all stories that leave it running; each has users of its own."""
    if EDGE:
        yield Running(EDGE, OPERATORS, USER_STORE)
        return
    with started(tmp_path_factory.mktemp("mesh") / "data") as mesh:
        yield mesh


@pytest.fixture
def bare_mesh(shared_mesh: Mesh | Running) -> Mesh:
    """The shared mesh, for stories that need its keys, its log, or its services with nobody before them."""
    assert isinstance(shared_mesh, Mesh)
    return shared_mesh


@pytest.fixture
def own_mesh(tmp_path: Path) -> Iterator[Mesh]:
    """A mesh that the story may kill."""
    with started(tmp_path / "data") as mesh:
        yield mesh


@pytest.fixture
async def people(shared_mesh: Mesh | Running, tmp_path: Path) -> AsyncIterator[People]:
    """Users on the shared mesh."""
    async with People(shared_mesh.address, tmp_path) as people:
        yield people


@pytest.fixture
async def own_people(own_mesh: Mesh, tmp_path: Path) -> AsyncIterator[People]:
    """Users on the mesh that the story may kill."""
    async with People(own_mesh.address, tmp_path) as people:
        yield people


@pytest.fixture
async def operator(shared_mesh: Mesh | Running, people: People) -> Device:
    """An administrator of the shared mesh, on a device."""
    device = await people.user("operator")
    await asyncio.to_thread(shared_mesh.appoint, device.username)
    return await people.another(device, address=shared_mesh.operators)


@pytest.fixture
def terminal(
    shared_mesh: Mesh | Running, operator: Device, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> OperatorTerminal:
    """The terminal of that administrator."""
    return OperatorTerminal(shared_mesh.operators, operator.username, tmp_path, capsys)
