"""The server under load: the whole mesh in one process of its own, with a folder that is gone afterwards."""

import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench import machine
from bench.child import Child

STANDALONE: Final = ("-m", "standalone")

STREAMS_SETTING: Final = "PARLEY_SERVER_MAX_STREAMS_PER_CONNECTION"
"""How many devices may share a connection, as behind an edge proxy."""

SETTINGS: Final[Mapping[str, str]] = {
    "PARLEY_ADDRESS": "127.0.0.1:0",
    # All users come from one address and register within seconds.
    "PARLEY_SERVER_CALLS_PUBLIC_PER_SECOND": "0",
    "PARLEY_SERVER_CALLS_OPENED_PER_SECOND": "0",
    "PARLEY_SERVER_CALLS_READS_PER_SECOND": "0",
    "PARLEY_SERVER_CALLS_WRITES_PER_SECOND": "0",
    "PARLEY_USER_THROTTLE_PER_ACCOUNT": "0",
    "PARLEY_USER_THROTTLE_PER_ADDRESS": "0",
    # The users of a load send hundreds of times as fast as people are let to.
    "PARLEY_MESSAGE_SENDS_BURST": "0",
    # At saturation a device writes more frames than a person's app.
    "PARLEY_GATEWAY_LIMITS_FRAMES_PER_S": "0",
    # Log-ins are not what is measured: 0.1 ms instead of 21 ms each.
    "PARLEY_USER_HASHING_MEMORY_KIB": "8",
    "PARLEY_USER_HASHING_ITERATIONS": "1",
    "PARLEY_USER_HASHING_MAX_WAITING": "1000",
}
"""What differs from a server as it comes; a variable of the caller's own environment goes before."""


SHARED_NOTES: Final = (
    (
        "CPU is of one core each; a server-CPU-second is one second of one core over all processes of the server, its "
        "store included."
    ),
    "Rate limits are off, and passwords are hashed cheaply: accounts are made before the measurement.",
)
"""What is true of every scenario."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: where it listens and how much it uses."""

    address: str
    child: Child
    filesystem: str


def settings() -> dict[str, str]:
    """Return the settings that the server is started with."""
    own = {name: value for name, value in inherited().items() if name.startswith("PARLEY_")}
    return {**SETTINGS, **own}


def inherited() -> dict[str, str]:
    """Return the environment without what says where the real parts are: a server refuses settings it does not know."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PARLEY_REAL_", "PARLEY_TEST_"))}


@asynccontextmanager
async def start(
    core: int, program: Sequence[str] = STANDALONE, folder: Path | None = None, **more: str
) -> AsyncIterator[Server]:
    """Start a server on one core and stop it at the end. `program` is what Python is given: another way to start it.

    Its data is in a folder of its own, or in `folder`, which then outlives it. `more` are settings besides.
    Raises ChildError when it does not start.
    """
    with data_folder() as temporary:
        data = (folder or temporary) / "data"
        environment = {**inherited(), **settings(), **more, "PARLEY_DATA": str(data)}
        async with Child(program, core, environment, temporary / "log") as child:
            address = await child.said("Parley is ready on ", ",")
            yield Server(address, child, machine.filesystem(data))


@contextmanager
def data_folder() -> Iterator[Path]:
    """Make a folder that is gone afterwards."""
    with TemporaryDirectory(prefix="parley-bench-") as folder:
        yield Path(folder)
