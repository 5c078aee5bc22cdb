"""One service alone, as an operator starts it: `python -m svc_message`."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from mesh.keys import generate_keys

CANARY = "canary-8d1f"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the service is started: the keys are where it looks for them by default."""
    generate_keys(tmp_path / "var" / "keys")
    return tmp_path


def start(folder: Path, **settings: str) -> subprocess.Popen[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}
    command = [sys.executable, "-m", "svc_message"]
    return subprocess.Popen(command, cwd=folder, env={**env, **settings}, stderr=subprocess.PIPE, text=True)


@contextmanager
def started(folder: Path, **settings: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A service that is ready, and its address."""
    with start(folder, **settings) as process:
        try:
            address = read_until(process, "serving")["addresses"][0]
            read_until(process, "ready")
            yield process, address
        finally:
            process.kill()


def read_until(process: subprocess.Popen[str], event: str) -> dict[str, Any]:
    assert process.stderr is not None
    for line in process.stderr:
        found: dict[str, Any] = json.loads(line)
        if found["event"] == event:
            return found
    raise AssertionError(f"ended without {event!r}")


def health(address: str, service: str) -> str:
    with grpc.insecure_channel(address) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check", HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString
        )
        answer = check(HealthCheckRequest(service=service), timeout=30)
    return str(HealthCheckResponse.ServingStatus.Name(answer.status))


def test_a_service_starts_alone_and_stops_well(folder: Path) -> None:
    """With nothing set but its keys it listens, says that it serves, and SIGTERM ends it with 0 and a closed store."""
    with started(folder) as (process, address):
        assert address.startswith("127.0.0.1:")
        for service in ("", "parley.log.v1.LogService", "parley.message.v1.MessageService"):
            assert health(address, service) == "SERVING"
        process.send_signal(signal.SIGTERM)
        read_until(process, "stopped")
        assert process.wait(10) == 0
    assert [file.name for file in (folder / "var").glob("message.db*")] == ["message.db"]


def test_a_service_does_not_wait_for_its_broker(folder: Path) -> None:
    """A process starts, serves and stops well while nobody listens where the broker should be."""
    with started(folder, PARLEY_BACKENDS_BROKER_URL="pulsar://127.0.0.1:1") as (process, address):
        assert health(address, "parley.message.v1.MessageService") == "SERVING"
        process.send_signal(signal.SIGTERM)
        read_until(process, "stopped")
        assert process.wait(10) == 0


def test_settings_are_those_of_the_process_and_of_the_service(folder: Path) -> None:
    """PARLEY_… says where the process is, PARLEY_MESSAGE_… what the service keeps where."""
    keys = (folder / "var" / "keys").rename(folder / "elsewhere")
    store = {"PARLEY_KEYS": str(keys), "PARLEY_MESSAGE_STORE_URL": f"sqlite:{folder}/mine.db"}
    with started(folder, PARLEY_ADDRESS="127.0.0.2:0", **store) as (_, address):
        assert address.startswith("127.0.0.2:")
        assert (folder / "mine.db").exists()
        assert not (folder / "var" / "message.db").exists()


@pytest.mark.parametrize(
    "name, value, line",
    [
        ("PARLEY_ADRESS", CANARY, "PARLEY_ADRESS: no such setting"),
        ("PARLEY_MESSAGE_STORE_URI", CANARY, "PARLEY_MESSAGE_STORE_URI: no such setting"),
        ("PARLEY_MESSAGE_STORE_URL", f"mongodb://u:{CANARY}@db", "STORE_URL: must name a database"),
        ("PARLEY_SERVER_CALLS_PUBLIC_BURST", CANARY, "PARLEY_SERVER_CALLS_PUBLIC_BURST: not a valid"),
        ("PARLEY_BACKENDS_BROKER_URL", f"pulsar://u:{CANARY}@host", "BROKER_URL: not of the form pulsar://host"),
        ("PARLEY_KEYS", CANARY, "mesh.pem: not a readable PEM key"),
        ("PARLEY_TELEMETRY_TRACE_RATIO", CANARY, "PARLEY_TELEMETRY_TRACE_RATIO: not a valid float"),
        ("PARLEY_TELEMETRY_LOG_LEVEL", CANARY, "log_level or log_format: no such level or format"),
    ],
)
def test_a_wrong_setting_ends_it_with_one_line(folder: Path, name: str, value: str, line: str) -> None:
    """An operator reads what to change, without the value, and the exit code is 2."""
    with start(folder, **{name: value}) as process:
        _, errors = process.communicate(timeout=50)
    assert process.returncode == 2
    [said] = [text for text in errors.splitlines() if not text.startswith("{")]
    assert line in said
    assert CANARY not in errors
