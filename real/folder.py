"""Where things are kept: below `var/real`, which git ignores."""

import os
from pathlib import Path
from typing import Final

ROOT: Final = Path(os.environ.get("PARLEY_REAL_FOLDER", "var/real")).resolve()
PARTS: Final = ROOT / "parts"
KEYS: Final = ROOT / "keys"
HERE: Final = Path(__file__).parent


def data(name: str) -> Path:
    """The folder of what a part or node keeps; made when it is not there."""
    return _made(ROOT / "data" / name)


def log(name: str) -> Path:
    """The file that a process writes its output to; the last one is kept beside it."""
    path = logs() / f"{name}.log"
    if path.exists():
        path.replace(path.with_suffix(".log.1"))
    return path


def logs() -> Path:
    """The folder of the logs."""
    return _made(ROOT / "log")


def running() -> Path:
    """The folder of the files that say which process is which."""
    return _made(ROOT / "run")


def _made(path: Path) -> Path:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
