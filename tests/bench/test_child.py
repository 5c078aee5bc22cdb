"""Processes under measurement: on their core, counted, and gone afterwards."""

import os
from pathlib import Path

import pytest

from bench.child import Child, ChildError
from bench.machine import pick_cores

READY = "print('ready at here,', flush=True)\n"
PINNED = "import os\nprint('core', *os.sched_getaffinity(0), ';', flush=True)\n"
BUSY = "import time\nwhile time.process_time() < 0.2: pass\n"
FOR_EVER = "import time\ntime.sleep(60)\n"
FAMILY = f"""
import signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {BUSY + READY + FOR_EVER!r}])
signal.signal(signal.SIGTERM, lambda *_: child.terminate())
child.wait()
"""


def program(source: str) -> tuple[str, str]:
    return ("-c", source)


def lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def test_a_child_runs_on_its_core(tmp_path: Path) -> None:
    """The core is set before the program begins, so every thread of it has that core alone."""
    core = pick_cores().server
    async with Child(program(PINNED + FOR_EVER), core, os.environ, tmp_path / "log") as child:
        assert await child.said("core ", " ;") == str(core)


async def test_its_cpu_time_and_memory_are_counted(tmp_path: Path) -> None:
    """What a process has used by the time it speaks is in its usage."""
    source = BUSY + READY + FOR_EVER
    async with Child(program(source), pick_cores().server, os.environ, tmp_path / "log") as child:
        await child.said("ready at ", ",")
        used = child.usage()

    assert used.cpu_s >= 0.15
    assert used.rss_bytes > 1_000_000


async def test_children_of_a_child_count_with_it(tmp_path: Path) -> None:
    """A server of several processes is measured as one."""
    async with Child(program(FAMILY), pick_cores().server, os.environ, tmp_path / "log") as child:
        await child.said("ready at ", ",")
        used = child.usage()

    assert used.cpu_s >= 0.15


async def test_a_child_that_ends_says_why(tmp_path: Path) -> None:
    """A server that does not come up shows the end of what it wrote, and nobody waits the full time for it."""
    async with Child(program("raise SystemExit('no such setting')"), 0, os.environ, tmp_path / "log") as child:
        with pytest.raises(ChildError, match="no such setting"):
            await child.said("ready at ", ",")


async def test_it_is_gone_afterwards(tmp_path: Path) -> None:
    """Leaving the block ends the process, and there is nothing more to read."""
    child = Child(program(READY + FOR_EVER), pick_cores().server, os.environ, tmp_path / "log")
    async with child:
        await child.said("ready at ", ",")
        pid = child.running.pid

    assert not lives(pid)
    with pytest.raises(ChildError):
        child.usage()
