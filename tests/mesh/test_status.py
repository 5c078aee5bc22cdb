from __future__ import annotations

import grpc
import pytest
from google.rpc import status_pb2

from mesh import errors, status
from mesh.errors import Code, FieldViolation, MeshError
from tests.refused import DETAILS, decode

CODES = {code.value[0]: code for code in grpc.StatusCode}


def _received(code: grpc.StatusCode, details: str, *trailers: tuple[str, str | bytes]) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(*trailers), details, None)


def _facts(error: MeshError) -> tuple[object, ...]:
    return error.code, error.reason, error.message, dict(error.metadata), error.retry_after, error.fields


@pytest.mark.parametrize("code", [code for code in Code if code != Code.OK])
def test_an_error_survives_the_wire(code: Code) -> None:
    """Whatever is encoded on one side is the same error on the other, for every code."""
    error = MeshError(
        code, "WHY", "näh", metadata={"a": "1"}, retry_after=1.25, fields=[FieldViolation("a.b[0]", "too long")]
    )
    details = status.encode(error).SerializeToString()
    received = _received(CODES[code], "other words", (DETAILS, details))
    assert _facts(decode(received)) == _facts(error)


def test_an_error_without_details_has_words_of_our_own() -> None:
    """What gRPC itself answers is a MeshError as well, and nobody reads of sockets in it."""
    away = decode(_received(grpc.StatusCode.UNAVAILABLE, "connection refused to ipv4:10.0.0.7:7001"))
    assert _facts(away) == (Code.UNAVAILABLE, "SERVICE_UNAVAILABLE", "the service does not answer", {}, 0.2, ())
    other = decode(_received(grpc.StatusCode.CANCELLED, "GOAWAY received from 10.0.0.7"))
    assert _facts(other) == (Code.CANCELLED, "", "the call ended with CANCELLED", {}, None, ())


@pytest.mark.parametrize("details", [b"\xff\xff", "a text"])
def test_details_that_cannot_be_read_are_left_out(details: bytes | str) -> None:
    """A broken detail never hides the error."""
    error = decode(_received(grpc.StatusCode.ABORTED, "again", (DETAILS, details)))
    assert (error.code, error.message) == (Code.ABORTED, "the call ended with ABORTED")


def test_a_code_from_the_future_is_unknown() -> None:
    """A newer server does not break an older caller."""
    assert status.from_status(status_pb2.Status(code=99)).code == Code.UNKNOWN


@pytest.mark.parametrize("seconds", [5e6, 1e300, float("inf")])
def test_no_time_to_wait_is_too_long_for_the_wire(seconds: float) -> None:
    """A rate close to 0 makes a wait without end: told as a day it breaks neither a status nor a frame."""
    error = errors.exhausted("SLOW", "", retry_after=seconds)
    assert status.from_status(status.encode(error)).retry_after == 86_400
    assert status.in_frame(error).retry_after_ms == 86_400_000


def test_an_error_that_cannot_be_retried_has_no_retry_info() -> None:
    """The absence of a time is told apart from zero seconds."""
    assert status.from_status(status.encode(errors.denied("NO", ""))).retry_after is None
    assert status.from_status(status.encode(errors.unavailable("AWAY", "", retry_after=0))).retry_after == 0
