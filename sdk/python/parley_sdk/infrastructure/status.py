"""A failed call of gRPC as ParleyError."""

from __future__ import annotations

from typing import Final

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from parley_sdk.errors import Code, FieldError, ParleyError, code_of

_DETAILS: Final = "grpc-status-details-bin"
_WRITE_FAILED: Final = "Internal error from Core"
"""What grpc.aio says when the server ends a stream while a frame is being written: the real status is lost then."""


def decode(failure: grpc.aio.AioRpcError) -> ParleyError:
    """Return what the server said, with reason, fields and time to come back if it named them."""
    code, message = code_of(failure.code().value[0]), failure.details() or ""
    if code is Code.INTERNAL and message == _WRITE_FAILED:
        return ParleyError(Code.UNAVAILABLE, "", "the stream broke")
    status = _status(failure)
    if status is None:
        return ParleyError(code, "", message)
    reason, retry_after = "", None
    fields: tuple[FieldError, ...] = ()
    info, retry, bad = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        if detail.Unpack(info):
            reason = info.reason
        elif detail.Unpack(retry):
            retry_after = retry.retry_delay.ToTimedelta().total_seconds()
        elif detail.Unpack(bad):
            fields = tuple(FieldError(broken.field, broken.description) for broken in bad.field_violations)
    return ParleyError(code, reason, message, retry_after=retry_after, fields=fields)


def _status(failure: grpc.aio.AioRpcError) -> status_pb2.Status | None:
    for key, value in failure.trailing_metadata() or ():
        if key == _DETAILS and isinstance(value, bytes):
            try:
                return status_pb2.Status.FromString(value)
            except DecodeError:
                return None
    return None
