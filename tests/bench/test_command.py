"""The command from outside: interrupted, it leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.command import parser

PATIENCE_S = 90.0
LOOK_S = 0.02
BEHIND = ("sh", "-c", """trap '' INT; exec "$0" "$@" """)
"""Starts something as a shell starts it in the background: deaf to Ctrl-C."""


def test_each_option_of_a_scenario_is_one_of_the_command() -> None:
    """Tuples are given with commas, the program as words, and what is not given keeps its default."""
    given = parser().parse_args(["direct", "--windows", "1,8", "--program", "-m my.server --fast", "--no-half-rate"])

    assert given.windows == (1, 8)
    assert given.program == ("-m", "my.server", "--fast")
    assert given.half_rate is False
    assert (given.users, given.runs) == (200, 1)


@pytest.mark.parametrize("arguments", [["direct", "--runs", "0"], ["nothing"], ["group", "--members", "x"]])
def test_what_makes_no_sense_is_refused(arguments: list[str]) -> None:
    """No run at all, an unknown scenario and a size that is no number end with a message."""
    with pytest.raises(SystemExit):
        parser().parse_args(arguments)


def children_of(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return []


@pytest.mark.slow
@pytest.mark.timeout(3 * PATIENCE_S)
@pytest.mark.parametrize("sent, code", [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_no_process_and_no_data_are_left(tmp_path: Path, sent: signal.Signals, code: int) -> None:
    """Ctrl-C ends the server and removes its folder, in the background too; a bench that is killed takes its server
    with it.
    """
    command = (*BEHIND, sys.executable, "-m", "bench", "direct", "--users", "2", "--baseline-s", "60")
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as bench:
        servers: list[str] = []
        began = time.monotonic()
        while not any(map(runs, servers)) and time.monotonic() - began < PATIENCE_S:
            time.sleep(LOOK_S)
            servers = children_of(bench.pid)
        bench.send_signal(sent)
        assert bench.wait(PATIENCE_S) == code

    while any(map(lives, servers)) and time.monotonic() - began < PATIENCE_S:
        time.sleep(LOOK_S)
    assert servers
    assert not any(map(lives, servers))
    if sent != signal.SIGKILL:
        assert not any(tmp_path.iterdir())


def runs(pid: str) -> bool:
    """It has become the server that it was started to be."""
    command = Path(f"/proc/{pid}/cmdline").read_bytes() if lives(pid) else b""
    return b"bench.baseline" in command and b"bench.pinned" not in command


def lives(pid: str) -> bool:
    """It runs; nobody may be there to bury who has ended."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
