"""h2spec, which holds a server to the RFCs of HTTP/2: built by Go from modules that are named here with their sums."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

from real import folder

HOME: Final = folder.PARTS / "h2spec-2.2.1"
COMMAND: Final = "github.com/summerwind/h2spec/cmd/h2spec"
HERE: Final = Path(__file__).parent


def install() -> str:
    """Build it, unless it is there: some seconds, once. Return what became of it: only one test is lost without it."""
    if HOME.exists():
        return "there"
    if shutil.which("go") is None:
        return "not built, for Go is not installed"
    building = HOME.with_suffix(".part")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    done = subprocess.run(  # noqa: S603 - a command of this package
        ("go", "build", "-C", str(HERE), "-trimpath", "-o", str(building / "h2spec"), COMMAND),  # noqa: S607 - Go is that of the system
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return f"not built, for go failed: {' '.join(done.stderr.strip().splitlines()[-1:])}"
    building.rename(HOME)
    return "there"
