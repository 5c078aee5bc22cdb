"""A Pulsar standalone of the tests' own, on free ports: to be killed, frozen and started again."""

import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Final

START_S: Final = 150.0
"""A Java process of many threads on a machine that does other things too."""

MEMORY: Final = "-Xms256m -Xmx512m -XX:MaxDirectMemorySize=512m"

SETTINGS: Final = """\
bindAddress=127.0.0.1
numIOThreads=2
numHttpServerThreads=4
brokerServicePort={port}
webServicePort={admin_port}
brokerDeleteInactiveTopicsFrequencySeconds={sweep_s}
"""
"""Appended to what the distribution brings; of two lines for one setting the last counts."""


class PulsarServer:
    """One broker with one bookie. Its methods block: call them in a thread of a test that has readers.

    `home` is the unpacked distribution; `folder` is for its data, which does not survive a start: a bookie that was
    killed twice over the same data has been seen to loop for ever.
    """

    def __init__(self, home: Path, folder: Path, sweep_s: int = 1) -> None:
        self._home = home
        self._folder = folder
        self._sweep_s = sweep_s
        self._port, self._admin_port, self._bookie_port = _free_ports(3)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where clients connect to."""
        return f"pulsar://127.0.0.1:{self._port}"

    @property
    def admin(self) -> str:
        """Where its REST interface is."""
        return f"http://127.0.0.1:{self._admin_port}"

    def start(self) -> None:
        """Start it without data and return when it serves."""
        data = self._folder / "data"
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(parents=True)
        self._process = subprocess.Popen(
            self._command(data), env=self._environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            self._wait_until_it_serves()
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """End it as a power cut does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Let it keep its connections and do nothing."""
        self._running().send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on, if it runs."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            raise RuntimeError("not started")
        return self._process

    def serves(self) -> bool:
        """Whether it runs and answers."""
        return self._process is not None and self._process.poll() is None and self._is_healthy()

    def _is_healthy(self) -> bool:
        return get(f"{self.admin}/admin/v2/brokers/health") == b"ok"

    def _wait_until_it_serves(self) -> None:
        deadline = time.monotonic() + START_S
        while not self.serves():
            if self._running().poll() is not None:
                raise RuntimeError(f"Pulsar ended with {self._running().returncode}")
            if time.monotonic() > deadline:
                raise TimeoutError("Pulsar did not start")
            time.sleep(0.2)

    def _command(self, data: Path) -> list[str]:
        ports = ["--bookkeeper-port", str(self._bookie_port)]
        folders = ["--metadata-dir", str(data / "meta"), "--bookkeeper-dir", str(data / "bk")]
        pulsar = [str(self._home / "bin" / "pulsar"), "standalone", "-nfw", "-nss", "-a", "127.0.0.1"]
        return ["nice", "-n", "10", *pulsar, *ports, *folders]

    def _environment(self) -> dict[str, str]:
        settings = self._folder / "standalone.conf"
        own = SETTINGS.format(port=self._port, admin_port=self._admin_port, sweep_s=self._sweep_s)
        settings.write_text((self._home / "conf" / "standalone.conf").read_text() + "\n" + own)
        return os.environ | {
            "PULSAR_STANDALONE_CONF": str(settings),
            "PULSAR_MEM": MEMORY,
            "PULSAR_GC": "-XX:+UseSerialGC",
            "PULSAR_GC_LOG": "-Xlog:disable",
            # Its log goes nowhere: it has filled a disk, and a test says itself what went wrong.
            "PULSAR_LOG_LEVEL": "error",
            "PULSAR_LOG_DIR": str(self._folder),
        }


def get(url: str) -> bytes:
    """What an address answers; nothing when it does not."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  of a server of our own
            return bytes(answer.read())
    except OSError:
        return b""


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
