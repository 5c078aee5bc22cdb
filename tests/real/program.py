"""A server program of the tests' own, on a free port: to be killed, frozen and started again."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

START_S: Final = 20.0


def find(name: str) -> str | None:
    """Where the program is: in the folder that PARLEY_TEST_BINARIES names, or on the PATH."""
    folder = os.environ.get("PARLEY_TEST_BINARIES")
    return (shutil.which(name, path=folder) if folder else None) or shutil.which(name)


def free_port() -> int:
    """A port that nobody listens on."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Different ports that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def saying(port: int, question: bytes, answer: bytes) -> Callable[[], bool]:
    """Whether a server answers the question, on a connection to its port, with something that has the answer."""

    def serves() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as probe:
                probe.sendall(question)
                return answer in probe.recv(4_096)
        except OSError:
            return False

    return serves


class Program:
    """One server; its data survives a restart. Its methods block: call them in a thread where something else waits."""

    def __init__(
        self,
        command: Sequence[str],
        port: int,
        folder: Path,
        answers: Callable[[], bool],
        environment: Mapping[str, str] | None = None,
        start_s: float = START_S,
    ) -> None:
        """`command` begins with the name of the program; it serves when it `answers`, within `start_s`."""
        self.port = port
        self._answers = answers
        self._command = [find(command[0]) or command[0], *command[1:]]
        self._environment = environment
        self._folder = folder
        self._start_s = start_s
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it serves."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=self._folder, env=self._environment, stdout=log, stderr=log
            )
        deadline = time.monotonic() + self._start_s
        while not self.serves():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError((self._folder / "log").read_text(errors="replace")[-2000:])
            time.sleep(0.02)

    def serves(self) -> bool:
        """Whether it runs and answers."""
        return self._process is not None and self._process.poll() is None and self._answers()

    def kill(self) -> None:
        """End it as a power cut does, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Let it keep its connections and do nothing."""
        if self._process is None:
            raise RuntimeError("not started")
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on, if it runs."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
