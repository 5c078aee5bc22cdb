"""A failed call of gRPC as ParleyError."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import grpc
from google.protobuf.message import DecodeError
from google.rpc import status_pb2
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo

from parley_sdk.errors import Code, FieldError, ParleyError, code_of

_DETAILS: Final = "grpc-status-details-bin"
_WRITE_FAILED: Final = "Internal error from Core"
"""What grpc.aio says when the server ends a stream while a frame is being written: the real status is lost then."""


def decode(failure: grpc.aio.AioRpcError) -> ParleyError:
    """Return what the server said, with reason, fields and time to come back if it named them."""
    code, message = code_of(failure.code().value[0]), failure.details() or ""
    if code is Code.INTERNAL and message == _WRITE_FAILED:
        return ParleyError(Code.UNAVAILABLE, "", "the stream broke")
    said = {type(detail): detail for detail in _details(_status(failure))}
    info, retry, bad = said.get(ErrorInfo), said.get(RetryInfo), said.get(BadRequest)
    return ParleyError(
        code,
        info.reason if isinstance(info, ErrorInfo) else "",
        message,
        retry_after=retry.retry_delay.ToTimedelta().total_seconds() if isinstance(retry, RetryInfo) else None,
        fields=_fields(bad) if isinstance(bad, BadRequest) else (),
        metadata=dict(info.metadata) if isinstance(info, ErrorInfo) else {},
    )


def _details(status: status_pb2.Status) -> Iterator[ErrorInfo | RetryInfo | BadRequest]:
    for packed in status.details:
        for kind in (ErrorInfo, RetryInfo, BadRequest):
            detail = kind()
            if packed.Unpack(detail):
                yield detail


def _fields(bad: BadRequest) -> tuple[FieldError, ...]:
    return tuple(FieldError(broken.field, broken.description) for broken in bad.field_violations)


def _status(failure: grpc.aio.AioRpcError) -> status_pb2.Status:
    for key, value in failure.trailing_metadata() or ():
        if key == _DETAILS and isinstance(value, bytes):
            with suppress(DecodeError):
                return status_pb2.Status.FromString(value)
    return status_pb2.Status()
