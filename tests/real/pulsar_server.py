"""A Pulsar standalone of the tests' own, on free ports: to be killed, frozen and started again."""

import os
import shutil
import urllib.request
from pathlib import Path
from typing import Final

from tests.real.program import Program, free_ports

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


class PulsarServer(Program):
    """One broker with one bookie.

    `home` is the unpacked distribution; `folder` is for its data, which does not survive a start: a bookie that was
    killed twice over the same data has been seen to loop for ever.
    """

    def __init__(self, home: Path, folder: Path, sweep_s: int = 1) -> None:
        port, admin_port, bookie_port = free_ports(3)
        self.url = f"pulsar://127.0.0.1:{port}"
        """Where clients connect to."""
        self.admin = f"http://127.0.0.1:{admin_port}"
        """Where its REST interface is."""
        self._data = folder / "data"
        folders = ["--metadata-dir", str(self._data / "meta"), "--bookkeeper-dir", str(self._data / "bk")]
        options = ["standalone", "-nfw", "-nss", "-a", "127.0.0.1", "--bookkeeper-port", str(bookie_port), *folders]
        settings = folder / "standalone.conf"
        own = SETTINGS.format(port=port, admin_port=admin_port, sweep_s=sweep_s)
        settings.write_text((home / "conf" / "standalone.conf").read_text() + "\n" + own)
        command = ["nice", "-n", "10", str(home / "bin" / "pulsar"), *options]
        super().__init__(command, port, folder, self._is_healthy, _environment(settings, folder), START_S)

    def start(self) -> None:
        """Start it without data and return when it serves."""
        shutil.rmtree(self._data, ignore_errors=True)
        self._data.mkdir(parents=True)
        super().start()

    def _is_healthy(self) -> bool:
        return get(f"{self.admin}/admin/v2/brokers/health") == b"ok"


def _environment(settings: Path, folder: Path) -> dict[str, str]:
    return os.environ | {
        "PULSAR_STANDALONE_CONF": str(settings),
        "PULSAR_MEM": MEMORY,
        "PULSAR_GC": "-XX:+UseSerialGC",
        "PULSAR_GC_LOG": "-Xlog:disable",
        # It has filled a disk with its log, and a test says itself what went wrong.
        "PULSAR_LOG_LEVEL": "off",
        "PULSAR_LOG_DIR": str(folder),
    }


def get(url: str) -> bytes:
    """What an address answers; nothing when it does not."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  of a server of our own
            return bytes(answer.read())
    except OSError:
        return b""
