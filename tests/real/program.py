"""A server program of the tests' own, on a free port: to be killed, frozen and started again."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

START_S: Final = 20.0


def find(name: str) -> str | None:
    """Where the program is: in the folder that PARLEY_TEST_BINARIES names, or on the PATH."""
    folder = os.environ.get("PARLEY_TEST_BINARIES")
    return (shutil.which(name, path=folder) if folder else None) or shutil.which(name)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Program:
    """One server; its data survives a restart."""

    def __init__(
        self, name: str, options: Sequence[str], port: int, folder: Path, question: bytes, answer: bytes
    ) -> None:
        """It serves when it answers the question, on a connection to its port, with something that has the answer."""
        self.port = port
        self._question = question
        self._answer = answer
        self._command = [find(name) or name, *options]
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it serves."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command, cwd=self._folder, stdout=log, stderr=log)
        deadline = time.monotonic() + START_S
        while not self._serves():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self._folder / "log").read_text(errors="replace")[-2000:])
            time.sleep(0.02)

    def _serves(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as probe:
                probe.sendall(self._question)
                return self._answer in probe.recv(4_096)
        except OSError:
            return False

    def kill(self) -> None:
        """End it as a power cut does, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Let it keep its connections and do nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None:
            raise RuntimeError("not started")
        self._process.send_signal(number)
