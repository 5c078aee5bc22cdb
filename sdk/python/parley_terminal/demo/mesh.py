"""A mesh of its own for the story, and nothing left of it afterwards."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

_START_SECONDS: Final = 20.0
_STOP_SECONDS: Final = 10.0


@asynccontextmanager
async def own_mesh() -> AsyncIterator[str]:
    """Start all services in one process on a free port, with a temporary data folder; give the address.

    Raises RuntimeError with what it printed when it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="parley-demo-") as folder, tempfile.TemporaryFile() as printed:
        address = f"127.0.0.1:{_free_port()}"
        environment = os.environ | {"PARLEY_ADDRESS": address, "PARLEY_DATA": folder}
        mesh = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "standalone", env=environment, stdout=printed, stderr=printed, start_new_session=True
        )
        try:
            if not await _answers(mesh, address):
                printed.seek(0)
                raise RuntimeError(f"the mesh did not start: {printed.read()[-2_000:].decode(errors='replace')}")
            yield address
        finally:
            await _stop(mesh)


async def _answers(mesh: asyncio.subprocess.Process, address: str) -> bool:
    host, _, port = address.rpartition(":")
    deadline = asyncio.get_running_loop().time() + _START_SECONDS
    while mesh.returncode is None and asyncio.get_running_loop().time() < deadline:
        try:
            _, writer = await asyncio.open_connection(host, int(port))
        except OSError:
            await asyncio.sleep(0.1)
            continue
        writer.close()
        return True
    return False


async def _stop(mesh: asyncio.subprocess.Process) -> None:
    if mesh.returncode is not None:
        return
    mesh.terminate()
    try:
        await asyncio.wait_for(mesh.wait(), _STOP_SECONDS)
    except TimeoutError:
        mesh.kill()
        await mesh.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
