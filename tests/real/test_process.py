"""Processes that are started, found again and ended."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from real import __main__ as main
from real import folder, logs, nodes, process

WAITS: Final = (sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)")
STUBBORN: Final = (
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder of the test's own; what was started in it is ended."""
    monkeypatch.setattr(folder, "ROOT", tmp_path)
    yield
    for name in process.known():
        process.kill(name)


def until(seen: Callable[[], bool]) -> None:
    """Wait until it is so."""
    ends = time.monotonic() + 10
    while not seen():
        assert time.monotonic() < ends
        time.sleep(0.02)


def started(command: tuple[str, ...]) -> process.Started:
    """Start it as `one`, and return when it runs."""
    process.start("one", command, {})
    until(lambda: "up" in (folder.logs() / "one.log").read_text())
    found = process.find("one")
    assert found is not None
    return found


def test_what_runs_is_not_started_again() -> None:
    """A second start leaves the process that is there, and its log."""
    first = started(WAITS)
    process.start("one", WAITS, {})
    assert process.find("one") == first
    assert [path.name for path in folder.logs().iterdir()] == ["one.log"]


def test_who_does_not_end_is_ended() -> None:
    """A process that ignores that it shall end is killed after its time."""
    started(STUBBORN)
    began = time.monotonic()
    process.stop("one", 0.5)
    assert process.find("one") is None
    assert 0.5 <= time.monotonic() - began < 10
    assert process.known() == []


def test_a_pid_that_is_somebody_else_s_by_now_is_left_alone() -> None:
    """A process whose pid was written down, but which began at another time, is neither found nor ended."""
    with subprocess.Popen(WAITS, stdout=subprocess.DEVNULL, start_new_session=True) as stranger:
        try:
            folder.running().joinpath("one.json").write_text(f'{{"pid": {stranger.pid}, "began": "1"}}')
            assert process.find("one") is None
            assert not process.send("one", signal.SIGKILL)
            process.stop("one", 0.1)
            process.kill("one")
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_a_node_finds_no_setting_of_whoever_starts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the caller are not handed down, but for those that are meant."""
    monkeypatch.setenv("PARLEY_STRAY", "1")
    process.start("one", (sys.executable, "-c", "import os; print(sorted(os.environ))"), {"PARLEY_MEANT": "1"})
    until(lambda: "PARLEY_MEANT" in (folder.logs() / "one.log").read_text())
    assert "PARLEY_STRAY" not in (folder.logs() / "one.log").read_text()


def test_a_log_that_grows_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log above its bound is emptied while its process goes on writing, and its last part is kept."""
    monkeypatch.setattr(logs, "MOST_BYTES", 1_000)
    monkeypatch.setattr(logs, "KEPT_BYTES", 100)
    path = folder.logs() / "one.log"
    with path.open("ab", buffering=0) as log:
        log.write(b"x" * 900)
        logs.bound(path)
        assert path.stat().st_size == 900
        log.write(b"y" * 101)
        logs.bound(path)
        log.write(b"after")
    assert path.read_bytes() == b"after"
    assert path.with_suffix(".log.1").read_bytes() == b"y" * 100


def test_a_second_start_prepares_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part that runs is not asked for its command again: Pulsar empties its folder when it is."""
    asked = list[str]()

    class Server:
        name = "redis"

        def command(self) -> tuple[str, ...]:
            asked.append(self.name)
            return WAITS

        def environment(self) -> dict[str, str]:
            return {}

        def answers(self) -> bool:
            return True

    monkeypatch.setattr(nodes, "prepare", lambda: None)
    monkeypatch.setattr(main, "servers", lambda _: [Server()])
    for _ in range(2):
        main.start(["redis"])
    assert asked == ["redis"]
    assert process.find("redis") is not None
