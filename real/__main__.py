"""python -m real install|start|stop|kill|freeze|thaw|status [NAME…], env, test."""

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from mesh.settings import SettingError
from real import edge, fetch, folder, h2spec, nodes, part, process, ready, trial

PATIENCE_S: Final = 150.0
"""How long a part may take until it is ready: Pulsar takes 10 to 40 s, and more where much else is done."""

DRAIN_S: Final = 35.0
"""How long a process may take to end: more than a node drains."""


Server: TypeAlias = "part.Part | nodes.Node | edge.Edge"
"""Anything that is started here."""


def servers(names: Sequence[str]) -> list[Server]:
    """Those of these names, or all, in the order in which they are started. Raises KeyError."""
    all_: list[Server] = [*part.ALL, *nodes.ALL, edge.EDGE]
    every = {server.name: server for server in all_}
    every.update((node.name, node) for name in names if (node := nodes.parse(name)))
    return [every[name] for name in names or every]


def install(names: Sequence[str]) -> None:
    """Get what is not there."""
    for server in servers(names):
        if not isinstance(server, nodes.Node):
            print(f"{server.name}: ", end="", flush=True)
            server.install()
            print("there")
    if not names:
        print(f"h2spec: {h2spec.install()}")


def start(names: Sequence[str]) -> None:
    """Start and wait: parts first, together; then the nodes, together; then the edge."""
    nodes.prepare()
    process.start("logs", (sys.executable, "-m", "real.logs"), {"PARLEY_REAL_FOLDER": str(folder.ROOT)})
    wanted = servers(names)
    for stage in _stages(wanted):
        for server in stage:
            # To be asked for its command, a part prepares its data: under one that runs it would take them away.
            if process.find(server.name) is None:
                process.start(server.name, server.command(), server.environment())
        for server in stage:
            ready.wait(server.name, server.answers, PATIENCE_S)
            print(f"{server.name}: ready")


def _stages(wanted: Sequence[Server]) -> list[list[Server]]:
    """Parts, nodes and the edge: each needs those before it to be of use, though none needs them to start."""
    parts = {one.name for one in part.ALL}
    return [
        [one for one in wanted if one.name in parts],
        [one for one in wanted if isinstance(one, nodes.Node)],
        [one for one in wanted if one is edge.EDGE],
    ]


def stop(names: Sequence[str]) -> None:
    """End what runs, the last that was started first."""
    for name in reversed(names or [server.name for server in servers(())]):
        process.stop(name, DRAIN_S)
    if not names:
        for name in process.known():
            process.stop(name, DRAIN_S)


def kill(names: Sequence[str]) -> None:
    """End these as a crash does."""
    for name in names:
        process.kill(name)


def freeze(names: Sequence[str]) -> None:
    """Let these do nothing, as a machine does that hangs."""
    for name in names:
        process.send(name, signal.SIGSTOP)


def thaw(names: Sequence[str]) -> None:
    """Let these go on."""
    for name in names:
        process.send(name, signal.SIGCONT)


def status(names: Sequence[str]) -> None:
    """Say what runs."""
    for name in names or process.known():
        found = process.find(name)
        print(f"{name:12} {f'runs, pid {found.pid}' if found else 'does not run'}")


def test() -> None:
    """Start, test, stop. Raises TrialError when a test failed."""
    install(())
    trial.run(start, stop)


COMMANDS: Final[dict[str, Callable[[Sequence[str]], None]]] = {
    "install": install, "start": start, "stop": stop, "kill": kill, "freeze": freeze, "thaw": thaw, "status": status,
    "env": lambda _: trial.tell(), "test": lambda _: test(),
}  # fmt: skip


def main() -> int:
    """Do what is asked; return 0, or 1 with one line that says why not."""
    parser = argparse.ArgumentParser(prog="python -m real", description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("names", nargs="*", metavar="NAME")
    arguments = parser.parse_args()
    try:
        COMMANDS[arguments.command](arguments.names)
    except (fetch.InstallError, ready.NotReadyError, trial.TrialError, SettingError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyError as error:
        print(f"there is no {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
