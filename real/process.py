"""Processes that were started here: written down, so that exactly they are ended, whoever asks and whenever."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from real import folder


@dataclass(frozen=True, slots=True)
class Started:
    """A process: a pid alone may be somebody else's by now, so the moment when it began belongs to it."""

    pid: int
    began: str


_children: Final[dict[str, subprocess.Popen[bytes]]] = {}
"""Those that this very process started: they are its to reap."""


def start(name: str, command: Sequence[str], environment: Mapping[str, str], cwd: Path | None = None) -> None:
    """Start a process in a group of its own, unless it runs already."""
    if find(name) is not None:
        return
    _bury(name)
    with folder.log(name).open("ab") as log:
        child = subprocess.Popen(  # noqa: S603 - commands of this package
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**_inherited(), **environment},
            cwd=cwd,
            start_new_session=True,
        )
    _children[name] = child
    _write(name, Started(child.pid, _began(child.pid) or ""))


def _bury(name: str) -> None:
    """See the end of a child whose place another one takes: it was told to end, and may still be at it."""
    child = _children.pop(name, None)
    if child is not None:
        child.kill()
        child.wait()


def _inherited() -> dict[str, str]:
    """What every process finds: nothing that is a setting, for a node refuses those that it does not know."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}


def find(name: str) -> Started | None:
    """The process of this name, if it runs."""
    if name in _children:
        _children[name].poll()
    with contextlib.suppress(OSError, ValueError, TypeError):
        kept = Started(**json.loads(_file(name).read_text()))
        if kept.began and _began(kept.pid) == kept.began:
            return kept
    return None


def send(name: str, number: signal.Signals) -> bool:
    """Send a signal to the process and all that it started; false when it does not run."""
    found = find(name)
    if found is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.killpg(found.pid, number)
    return True


def stop(name: str, patience_s: float) -> None:
    """End a process: ask it, and after a while do not ask any more."""
    if send(name, signal.SIGTERM) and not _gone(name, patience_s):
        send(name, signal.SIGKILL)
        _gone(name, patience_s)
    _file(name).unlink(missing_ok=True)


def kill(name: str) -> None:
    """End a process as a crash does."""
    send(name, signal.SIGKILL)
    _gone(name, 5.0)
    _file(name).unlink(missing_ok=True)


def known() -> list[str]:
    """The names of all processes that were started and not ended here."""
    return sorted(path.stem for path in folder.running().glob("*.json"))


def _gone(name: str, patience_s: float) -> bool:
    ends = time.monotonic() + patience_s
    while find(name) is not None:
        if time.monotonic() > ends:
            return False
        time.sleep(0.05)
    return True


def _began(pid: int) -> str | None:
    """When a process began, in ticks since the machine did; None when there is none, or only its remains."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


def _file(name: str) -> Path:
    return folder.running() / f"{name}.json"


def _write(name: str, started: Started) -> None:
    _file(name).write_text(json.dumps(asdict(started)))
