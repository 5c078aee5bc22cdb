"""The machine under the figures: its cores, and what a reader needs to compare them with others."""

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

PACKAGES: Final = ("parley", "grpcio", "protobuf", "protovalidate", "uvloop")
ROOT: Final = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Cores:
    """Where the server and the load run; the same core twice on a machine with one."""

    server: int
    load: int


def pick_cores() -> Cores:
    """Take the first and the second core that this process may use. Raises SystemExit where cores cannot be chosen."""
    if sys.platform != "linux":
        raise SystemExit("bench reads /proc and pins processes to cores: it runs on Linux only")
    allowed = sorted(os.sched_getaffinity(0))
    return Cores(allowed[0], allowed[min(1, len(allowed) - 1)])


def describe() -> dict[str, object]:
    """Return processor, memory, system and versions."""
    return {
        "cpu": _first_value(Path("/proc/cpuinfo"), "model name"),
        "cores": os.cpu_count(),
        "memory": _first_value(Path("/proc/meminfo"), "MemTotal"),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
    }


def commit() -> str:
    """Return the commit of the checkout, with a + when files differ from it; empty outside a checkout."""
    head = _git("rev-parse", "HEAD")
    return f"{head}+" if head and _git("status", "--porcelain", "--untracked-files=no") else head


def filesystem(folder: Path) -> str:
    """Return the type of the file system of a folder: on tmpfs a commit costs nothing, and figures say nothing."""
    best, kind = "", ""
    for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines():
        _, mount, found, *_ = line.split()
        if folder.resolve().is_relative_to(mount) and len(mount) >= len(best):
            best, kind = mount, found
    return kind


def _first_value(path: Path, name: str) -> str:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(name):
            return line.partition(":")[2].strip()
    return ""


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _git(*arguments: str) -> str:
    command = ("git", "-C", str(ROOT), *arguments)
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  our own words
    return done.stdout.strip()
