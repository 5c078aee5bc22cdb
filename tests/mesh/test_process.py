from __future__ import annotations

import asyncio
import io
import json
import signal
import subprocess
import sys
import textwrap
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from mesh.clock import FakeClock
from mesh.process import EXIT_FAILED, Process, ProcessSettings
from mesh.server import Server
from mesh.telemetry import TelemetrySettings, open_telemetry
from tests.mesh.echo import SERVICE, Acts, EchoServicer, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Rehearsal:
    """A process whose steps are written down in the order in which they happen."""

    def __init__(self, settings: ProcessSettings | None = None) -> None:
        self.log = io.StringIO()
        self.telemetry = open_telemetry("test", TelemetrySettings(log_format="json"), output=self.log)
        self.process = Process("test", self.telemetry, settings)
        self.seen: list[str] = []
        self.address = ""

    @asynccontextmanager
    async def resource(self, name: str) -> AsyncIterator[None]:
        self.seen.append(f"open {name}")
        try:
            yield
        finally:
            self.seen.append(f"close {name}")

    async def build(self, process: Process) -> None:
        await process.enter(self.resource("store"))
        await process.enter(self.resource("broker"))
        server = Server("test", telemetry=self.telemetry, clock=FakeClock(0))
        server.add(EchoServicer(), SERVICE, audit=Acts())
        [self.address] = await process.serve(server, "127.0.0.1:0")
        process.on_drain(self.step("drain"))
        process.on_deregister(self.step("deregister"))

    def step(self, name: str):  # type: ignore[no-untyped-def]  # a coroutine function
        async def run() -> None:
            self.seen.append(f"{name} {await self.health()}")

        return run

    async def health(self) -> str:
        async with grpc.aio.insecure_channel(self.address) as channel:
            check = channel.unary_unary(
                "/grpc.health.v1.Health/Check", HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString
            )
            answer = await check(HealthCheckRequest(), timeout=30)
        return str(HealthCheckResponse.ServingStatus.Name(answer.status))

    async def ready(self) -> None:
        await until(lambda: self.process.health.serving)


async def test_a_process_ends_in_order() -> None:
    """NOT_SERVING, deregister, drain, stop, close in reverse, exit 0; calls are still answered while it drains."""
    rehearsal = Rehearsal()
    running = asyncio.create_task(rehearsal.process.run(rehearsal.build))
    await rehearsal.ready()
    assert await rehearsal.health() == "SERVING"
    rehearsal.process.stop()
    assert await running == 0
    assert rehearsal.seen == [
        "open store",
        "open broker",
        "deregister NOT_SERVING",
        "drain NOT_SERVING",
        "close broker",
        "close store",
    ]


async def test_a_drain_step_that_fails_does_not_keep_the_others() -> None:
    """A registry that is away must not cost the devices their goodbye."""
    rehearsal = Rehearsal()

    async def build(process: Process) -> None:
        await rehearsal.build(process)
        process.on_deregister(fail)

    async def fail() -> None:
        raise ConnectionError("canary")

    rehearsal.process.stop()
    running = asyncio.create_task(rehearsal.process.run(build))
    assert await running == 0
    assert "canary" not in rehearsal.log.getvalue()


async def test_a_drain_that_hangs_is_cut() -> None:
    """The process ends within its time, whatever a part does."""
    rehearsal = Rehearsal(ProcessSettings(drain_seconds=0.1, grace_seconds=0.1))
    rehearsal.process.on_drain(asyncio.Event().wait)  # type: ignore[arg-type]  # what it returns is not looked at
    running = asyncio.create_task(rehearsal.process.run(rehearsal.build))
    await rehearsal.ready()
    rehearsal.process.stop()
    async with asyncio.timeout(30):
        assert await running == 0
    assert "drain took too long" in rehearsal.log.getvalue()


async def test_a_start_that_fails_closes_what_was_opened() -> None:
    """Half a process never stays, and its exit code says so."""
    rehearsal = Rehearsal()

    async def build(process: Process) -> None:
        await process.enter(rehearsal.resource("store"))
        raise ConnectionError("redis://:canary@cache")

    assert await rehearsal.process.run(build) == EXIT_FAILED
    assert rehearsal.seen == ["open store", "close store"]
    assert "ConnectionError" in rehearsal.log.getvalue()
    assert "canary" not in rehearsal.log.getvalue()


async def test_a_signal_ends_a_start_that_waits() -> None:
    """A process that waits for a neighbour can be stopped."""
    rehearsal = Rehearsal()

    async def build(process: Process) -> None:
        await process.enter(rehearsal.resource("store"))
        process.stop()
        await asyncio.Event().wait()

    async with asyncio.timeout(30):
        assert await rehearsal.process.run(build) == 0
    assert rehearsal.seen == ["open store", "close store"]


async def test_a_task_that_fails_ends_the_process() -> None:
    """A process without one of its parts does not pretend to be well; other tasks are cancelled."""
    rehearsal = Rehearsal()
    cancelled = asyncio.Event()

    async def fail() -> None:
        raise ZeroDivisionError

    async def last() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def build(process: Process) -> None:
        process.spawn(last(), "last")
        process.spawn(fail(), "fail")

    async with asyncio.timeout(30):
        assert await rehearsal.process.run(build) == EXIT_FAILED
    assert cancelled.is_set()
    assert "fail failed" in rehearsal.log.getvalue()


PROGRAM = textwrap.dedent("""
    import asyncio, sys
    from mesh.process import Process, main
    from mesh.settings import SettingError
    from mesh.telemetry import TelemetrySettings

    async def build(process: Process) -> None:
        if "wrong" in sys.argv:
            raise SettingError("APP_URL: required (str)")
        async def drain() -> None:
            process.telemetry.log.info("drains")
            await asyncio.Event().wait()

        if "slow" in sys.argv:
            process.on_drain(drain)
        process.telemetry.count_reads("user", lambda: 7)

    sys.exit(main("test", build, TelemetrySettings(log_format="json")))
""")


def _start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, *arguments]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def _wait_for(process: subprocess.Popen[str], event: str) -> dict[str, Any]:
    assert process.stderr is not None
    for line in process.stderr:
        said: dict[str, Any] = json.loads(line)
        if said["event"] == event:
            return said
    raise AssertionError(f"ended without {event!r}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_well(number: signal.Signals) -> None:
    """An orchestrator's SIGTERM and a person's Ctrl-C both drain and exit 0."""
    with _start() as process:
        _wait_for(process, "ready")
        process.send_signal(number)
        _wait_for(process, "stopped")
        assert process.wait(30) == 0


def test_a_process_says_what_it_counted() -> None:
    """SIGUSR1 is answered with a line of the log, as often as it comes, and ends nothing."""
    with _start() as process:
        _wait_for(process, "ready")
        for _ in range(2):
            process.send_signal(signal.SIGUSR1)
            assert _wait_for(process, "counts")["store_reads"] == {"user": 7}
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_a_second_signal_ends_it_at_once() -> None:
    """Who does not want to wait for the drain need not."""
    with _start("slow") as process:
        _wait_for(process, "ready")
        process.send_signal(signal.SIGTERM)
        _wait_for(process, "drains")  # a signal that is still to be heard makes one with the next
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == -signal.SIGTERM


def test_a_wrong_setting_is_one_line() -> None:
    """An operator sees what to change, and exit code 2."""
    with _start("wrong") as process:
        _, errors = process.communicate(timeout=50)
    assert process.returncode == 2
    assert errors.splitlines()[-1] == "APP_URL: required (str)"
    assert "Traceback" not in errors
