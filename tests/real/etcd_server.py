"""An etcd of the tests' own, and what those who watch its registry are shown."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from pathlib import Path

from mesh.clock import SystemClock
from mesh.infrastructure.etcd_registry import EtcdRegistry
from mesh.registry import Node
from tests.real.program import Program, free_port, saying

ONE = Node("message-1", "b1", "10.0.0.1:7001")
TWO = Node("message-2", "b2", "10.0.0.2:7001")
WAIT_S = 20.0
HEALTH = b"GET /health HTTP/1.0\r\n\r\n"

REGISTER = f"""
import asyncio, sys
from mesh.clock import SystemClock
from mesh.infrastructure.etcd_registry import EtcdRegistry
from mesh.registry import Node

async def main() -> None:
    async with EtcdRegistry(sys.argv[1], SystemClock()).register("message", Node({ONE.id!r}, "b1", {ONE.address!r})):
        print("registered", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def etcd(folder: Path) -> Program:
    peer = free_port()
    return member(folder, peer, f"{folder.name}=http://127.0.0.1:{peer}")


def member(folder: Path, peer: int, cluster: str) -> Program:
    """One etcd of a cluster, named as its folder is."""
    folder.mkdir(exist_ok=True)
    client = free_port()
    settings = {
        "name": folder.name,
        "data-dir": str(folder / "data"),
        "listen-client-urls": f"http://127.0.0.1:{client}",
        "advertise-client-urls": f"http://127.0.0.1:{client}",
        "listen-peer-urls": f"http://127.0.0.1:{peer}",
        "initial-advertise-peer-urls": f"http://127.0.0.1:{peer}",
        "initial-cluster": cluster,
    }
    options = [f"--{name}={value}" for name, value in settings.items()]
    return Program(["etcd", *options], client, folder, saying(client, HEALTH, b'"health":"true"'))


def address(server: Program) -> str:
    return f"127.0.0.1:{server.port}"


@asynccontextmanager
async def registry(*addresses: str) -> AsyncIterator[EtcdRegistry]:
    async with aclosing(EtcdRegistry(f"etcd://{','.join(addresses)}", SystemClock())) as opened:
        yield opened


class Seen:
    """All states that one watcher was shown."""

    def __init__(self, of: EtcdRegistry) -> None:
        self.states: list[tuple[Node, ...]] = []
        self._registry = of
        self._changed = asyncio.Condition()

    async def follow(self) -> None:
        async for state in self._registry.watch("message"):
            async with self._changed:
                self.states.append(state)
                self._changed.notify_all()

    async def until(self, holds: Callable[[list[tuple[Node, ...]]], bool], within_s: float = WAIT_S) -> None:
        async with asyncio.timeout(within_s), self._changed:
            await self._changed.wait_for(lambda: holds(self.states))


@asynccontextmanager
async def watching(of: EtcdRegistry) -> AsyncIterator[Seen]:
    seen = Seen(of)
    task = asyncio.create_task(seen.follow())
    try:
        yield seen
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def last(*nodes: Node) -> Callable[[list[tuple[Node, ...]]], bool]:
    return lambda states: states[-1:] == [nodes]


@contextmanager
def another_process(server: Program) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has registered ONE, to be killed."""
    command = [sys.executable, "-c", REGISTER, f"etcd://{address(server)}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"registered\n"
            yield process
        finally:
            process.kill()
