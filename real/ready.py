"""Waiting until something answers, with an end to it."""

import socket
import time
import urllib.request
from collections.abc import Callable, Mapping
from typing import Final

import grpc
from grpc_health.v1.health_pb2 import HealthCheckResponse

from real import process

STEP_S: Final = 0.1
TRY_S: Final = 2.0
CHECK: Final = "/grpc.health.v1.Health/Check"


class NotReadyError(Exception):
    """Something did not come up: its name, and where its log is."""


def wait(name: str, answers: Callable[[], bool], seconds: float) -> None:
    """Wait until it answers; raise NotReadyError when it ends before that, or does not in time."""
    ends = time.monotonic() + seconds
    while not answers():
        if process.find(name) is None:
            raise NotReadyError(f"{name} ended: see its log")
        if time.monotonic() > ends:
            raise NotReadyError(f"{name} does not answer after {seconds:.0f} s: see its log")
        time.sleep(STEP_S)


def tcp(port: int) -> bool:
    """Whether somebody takes connections at this port."""
    with socket.socket() as probe:
        probe.settimeout(TRY_S)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def http(port: int, path: str, headers: Mapping[str, str] | None = None) -> bool:
    """Whether a GET is answered with success."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=dict(headers or {}))
    try:
        with urllib.request.urlopen(request, timeout=TRY_S) as answer:  # noqa: S310 - an address of our own
            return bool(answer.status == 200)  # noqa: PLR2004 - OK
    except OSError:
        return False


def serving(port: int) -> bool:
    """Whether a process of the mesh says that it takes calls."""
    return health(port) == "SERVING"


def health(port: int) -> str:
    """What a process of the mesh says of its health, by the name of the contract; empty when it says nothing."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        check: Callable[..., bytes] = channel.unary_unary(CHECK)
        try:
            answer = HealthCheckResponse.FromString(check(b"", timeout=TRY_S))
        except grpc.RpcError:
            return ""
        return str(HealthCheckResponse.ServingStatus.Name(answer.status))
