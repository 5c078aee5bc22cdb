"""A mesh of one process, started as an operator starts it: to be stopped, killed and started again on its data."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from svc_user.__main__ import appoint
from svc_user.app import Settings
from tests.ports import keep_port, number_of

READY: Final = "Parley is ready on "
START_SECONDS: Final = 90.0
STOP_SECONDS: Final = 60.0
"""After which a mesh counts as one that does not end. Of one that had to be made to end its log says `SLOW`."""

SLOW: Final = "drain took too long"

ROOMY: Final = {
    "PARLEY_SERVER_CALLS_PUBLIC_BURST": "1000000",
    "PARLEY_SERVER_CALLS_PUBLIC_PER_SECOND": "1000000",
    "PARLEY_SERVER_CALLS_OPENED_BURST": "1000000",
    "PARLEY_SERVER_CALLS_READS_BURST": "1000000",
    "PARLEY_SERVER_CALLS_READS_PER_SECOND": "1000000",
    "PARLEY_SERVER_CALLS_WRITES_BURST": "1000000",
    "PARLEY_SERVER_CALLS_WRITES_PER_SECOND": "1000000",
    "PARLEY_USER_THROTTLE_PER_ACCOUNT": "0",
    "PARLEY_USER_THROTTLE_PER_ADDRESS": "0",
    "PARLEY_MESSAGE_SENDS_BURST": "0",
    "PARLEY_USER_HASHING_MEMORY_KIB": "8",
    "PARLEY_USER_HASHING_ITERATIONS": "1",
    "PARLEY_USER_HASHING_MAX_WAITING": "1000",
    "PARLEY_GROUP_NEW_GROUPS_PER_HOUR": "100000",
    "PARLEY_AI_REQUESTS_PER_MINUTE": "100000",
}
"""Limits that keep one host from taking the mesh, lifted: here all users share one, and hashes need not be dear."""


@contextmanager
def started(data: Path, settings: Mapping[str, str] | None = None) -> Iterator["Mesh"]:
    """Have a mesh that runs, and end it whatever happened to it."""
    with closing(Mesh(data, settings)) as mesh:
        mesh.start()
        yield mesh


class Mesh:
    """`python -m standalone` on a port of its own. Its methods block: in a test that has devices, use a thread."""

    def __init__(self, data: Path, settings: Mapping[str, str] | None = None) -> None:
        self.data = data
        self.settings = dict(settings or {})
        """Settings beside those of all stories."""
        self._port = keep_port()
        self.address = f"127.0.0.1:{number_of(self._port)}"
        self._process: subprocess.Popen[str] | None = None
        self.program = "standalone"
        """What is run: the mesh itself, or the mesh on a machine that goes wrong."""

    @property
    def operators(self) -> str:
        """Where administrators are let in."""
        return self.address

    @property
    def environment(self) -> Mapping[str, str]:
        """What it is started with."""
        own = {"PARLEY_ADDRESS": self.address, "PARLEY_DATA": str(self.data)}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}
        return inherited | ROOMY | own | self.settings

    def start(self) -> None:
        """Start it and return when it serves."""
        self.data.mkdir(parents=True, exist_ok=True)
        with (self.data / "mesh.log").open("a") as log:
            self._process = subprocess.Popen(
                command(self.program), env=self.environment, stdout=subprocess.PIPE, stderr=log, text=True
            )
        self._wait_until_ready(self._process)

    def appoint(self, username: str) -> None:
        """Make a user an administrator, as an operator does on the machine of the mesh."""
        asyncio.run(appoint(Settings(store_url=f"sqlite:{self.data / 'user.db'}"), "grant", username))

    def kill(self) -> None:
        """End it as a power cut does: nothing is flushed, nobody is told."""
        process = self._running()
        process.kill()
        self._reap(process)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._running().send_signal(number)

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._running().pid

    def interrupt(self) -> None:
        """Ask it to stop, as Ctrl-C does."""
        self._running().send_signal(signal.SIGINT)

    def wait(self) -> int:
        """Return its exit code. Raises TimeoutExpired when it does not end in time."""
        process = self._running()
        code = process.wait(STOP_SECONDS)
        self._reap(process)
        return code

    def close(self) -> None:
        """End it if it runs, and give its port away."""
        if self._process is not None:
            self.kill()
        self._port.close()

    def log(self) -> str:
        """All that it complained of."""
        return (self.data / "mesh.log").read_text()

    def _wait_until_ready(self, process: subprocess.Popen[str]) -> None:
        late = threading.Timer(START_SECONDS, process.kill)
        late.start()
        try:
            lines = iter(process.stdout or ())
            if not any(line.startswith(READY) for line in lines):
                raise RuntimeError(f"the mesh did not start: {self.log()}")
        finally:
            late.cancel()

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise RuntimeError("the mesh does not run")
        return self._process

    def _reap(self, process: subprocess.Popen[str]) -> None:
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
        self._process = None


@dataclass(frozen=True, slots=True)
class Running:
    """A mesh that somebody else started, and ends. Administrators have an address of their own there."""

    address: str
    operators: str = ""
    user_store: str = ""
    """The URL of the store of its users."""

    def appoint(self, username: str) -> None:
        """See Mesh."""
        asyncio.run(appoint(Settings(store_url=self.user_store), "grant", username))


def command(program: str = "standalone") -> list[str]:
    """What starts a mesh."""
    return [sys.executable, "-m", program]
