"""A service whose store is away when it starts."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from mesh.errors import Code
from mesh.health import WATCH
from mesh.keys import generate_keys
from mesh.waiting import waiting
from parley.link.v1.link_service_pb2_grpc import LinkServiceStub
from parley.message.v1.message_service_pb2 import ListEntriesRequest
from parley.message.v1.message_service_pb2_grpc import MessageServiceStub
from tests.ports import kept_port
from tests.refused import decode

NOT_SERVING = HealthCheckResponse.NOT_SERVING
NOBODY = "mongodb://127.0.0.1:1/parley_message"


@pytest.fixture
def address() -> Iterator[str]:
    """Where nobody else listens."""
    with kept_port() as port:
        yield f"127.0.0.1:{port}"


@pytest.fixture
def process(tmp_path: Path, address: str) -> Iterator[subprocess.Popen[str]]:
    """A message node whose store does not answer."""
    generate_keys(tmp_path / "var" / "keys")
    env = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}
    settings = {"PARLEY_ADDRESS": address, "PARLEY_MESSAGE_STORE_URL": NOBODY}
    command = [sys.executable, "-m", "svc_message"]
    with subprocess.Popen(command, cwd=tmp_path, env=env | settings, stderr=subprocess.PIPE, text=True) as started:
        try:
            yield started
        finally:
            started.kill()


async def check(channel: grpc.aio.Channel) -> int:
    call = channel.unary_unary(
        "/grpc.health.v1.Health/Check", HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString
    )
    return (await call(HealthCheckRequest(), timeout=50, wait_for_ready=True)).status


async def test_a_node_without_its_store_says_so_and_ends_when_it_is_told_to(
    process: subprocess.Popen[str], address: str
) -> None:
    """It answers NOT_SERVING, refuses every other call as one to try again, and SIGTERM ends it with 0."""
    async with grpc.aio.insecure_channel(address) as channel:
        assert await check(channel) == NOT_SERVING
        for call in (
            MessageServiceStub(channel).ListEntries(ListEntriesRequest(), timeout=20),
            LinkServiceStub(channel).Link(timeout=20).read(),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await call
            error = decode(refused.value)
            assert (error.code, error.reason, error.retry_after) == (Code.UNAVAILABLE, "SERVICE_UNAVAILABLE", 1.0)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=50)  # its store never comes
    assert process.returncode == 0
    assert "waits_for_store" in said


async def test_the_address_is_free_when_the_start_goes_on(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who watches is told NOT_SERVING and stays until then; afterwards somebody else can listen there."""
    monkeypatch.setattr("mesh.waiting.AFTER_S", 0.0)
    async with grpc.aio.insecure_channel(address) as channel:
        async with waiting(address):
            watch = channel.unary_stream(WATCH, HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString)
            watching = watch(HealthCheckRequest(), timeout=50, wait_for_ready=True)
            told = await watching.read()
            assert isinstance(told, HealthCheckResponse)
            assert told.status == NOT_SERVING
            assert await check(channel) == NOT_SERVING
            assert not watching.done()  # an end of it would have come before that answer
        with pytest.raises(grpc.aio.AioRpcError):
            await watching.read()
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        host, port = address.split(":")
        again.bind((host, int(port)))
        again.listen()
