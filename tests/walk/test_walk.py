"""Short walks, for each run of the tests. `python -m tests.walk` walks as long as one wants."""

import os
from collections.abc import Iterator

import pytest

from tests.journeys.mesh import Mesh, started
from tests.walk.plan import plan, tell, words_of
from tests.walk.walk import Step

EDGE = os.environ.get("PARLEY_TEST_EDGE", "")


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh | None]:
    """A mesh that the walks may kill; None: there is one behind an edge."""
    if EDGE:
        yield None
        return
    with started(tmp_path_factory.mktemp("mesh") / "data") as mesh:
        yield mesh


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_whatever_people_do_the_server_answers_as_the_model(mesh: Mesh | None, seed: int) -> None:
    """Each answer, list, log and screen of a random walk is that of a plain model written from the contract."""
    steps = [step for step in plan(seed, 70) if step.kind != "kill"]
    failure = await tell(mesh.address if mesh else EDGE, mesh, steps)
    assert failure is None, words_of(seed, failure)


@pytest.mark.skipif(bool(EDGE), reason="a mesh behind an edge is not ended")
async def test_a_kill_amid_a_walk_changes_nothing(mesh: Mesh) -> None:
    """What the model knew before kill -9 is so after it, with what was on its way then."""
    before, after = plan(4, 40), plan(5, 25)
    steps = [step for step in [*before, Step("kill", 7), *after] if step.kind != "kill" or step.pick == 7]
    failure = await tell(mesh.address, mesh, steps)
    assert failure is None, words_of(4, failure)
