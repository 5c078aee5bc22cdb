"""MeshError <-> google.rpc.Status: the only place that knows how an error looks on the wire.

The status travels as the grpc code and message, and with all details in `grpc-status-details-bin`.
"""

from __future__ import annotations

import contextlib
from math import floor
from typing import TYPE_CHECKING, Final

from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from mesh.errors import Code, FieldViolation, MeshError, Reason
from parley.error.v1 import error_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable

DOMAIN: Final = "parley"


def encode(error: MeshError) -> status_pb2.Status:
    """Return the status with ErrorInfo, and BadRequest and RetryInfo where the error has them."""
    status = status_pb2.Status(code=int(error.code), message=error.message)
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=dict(error.metadata))
    status.details.add().Pack(info)
    if error.fields:
        status.details.add().Pack(_bad_request(error.fields))
    if error.retry_after is not None:
        status.details.add().Pack(_retry_info(error.retry_after))
    return status


def told(number: int, details: bytes) -> MeshError:
    """Return what the other end meant with a code and the bytes of a status.

    Without them (from a proxy, or the transport itself) the reason is empty.
    """
    if details:
        with contextlib.suppress(DecodeError):
            return from_status(status_pb2.Status.FromString(details))
    return _plain(number)


def from_status(status: status_pb2.Status) -> MeshError:
    """Return the error that `encode` made this status from; unknown details are left out."""
    info = error_details_pb2.ErrorInfo()
    bad_request = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    found = {d.DESCRIPTOR.name for d in (info, bad_request, retry) if _unpack(status, d)}
    return MeshError(
        _code(status.code),
        info.reason,
        status.message,
        metadata=dict(info.metadata),
        retry_after=_seconds(retry) if "RetryInfo" in found else None,
        fields=_violations(bad_request),
    )


def _plain(number: int) -> MeshError:
    """What comes without details comes from gRPC itself: its text tells of sockets, so it stays here."""
    code = _code(number)
    if code is Code.UNAVAILABLE:
        return MeshError(code, Reason.SERVICE_UNAVAILABLE, "the service does not answer", retry_after=0.2)
    return MeshError(code, "", f"the call ended with {code.name}")


def _code(number: int) -> Code:
    try:
        return Code(number)
    except ValueError:  # of a newer contract: it must not break the caller
        return Code.UNKNOWN


def _unpack(
    status: status_pb2.Status,
    target: error_details_pb2.ErrorInfo | error_details_pb2.BadRequest | error_details_pb2.RetryInfo,
) -> bool:
    return any(detail.Unpack(target) for detail in status.details)


def _violations(bad_request: error_details_pb2.BadRequest) -> Iterable[FieldViolation]:
    return (FieldViolation(v.field, v.description) for v in bad_request.field_violations)


def _bad_request(fields: Iterable[FieldViolation]) -> error_details_pb2.BadRequest:
    violation = error_details_pb2.BadRequest.FieldViolation
    return error_details_pb2.BadRequest(
        field_violations=[violation(field=f.field, description=f.description) for f in fields]
    )


def _retry_info(seconds: float) -> error_details_pb2.RetryInfo:
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.seconds = floor(seconds)
    retry.retry_delay.nanos = round((seconds - floor(seconds)) * 1e9)
    return retry


def _seconds(retry: error_details_pb2.RetryInfo) -> float:
    return retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9


def in_frame(error: MeshError) -> error_pb2.Error:
    """Return the error as it travels inside a frame of a stream, where no status can be sent."""
    retry_after_ms = int((error.retry_after or 0) * 1_000)
    fields = [error_pb2.FieldError(field=one.field, description=one.description) for one in error.fields]
    return error_pb2.Error(
        code=error.code, reason=error.reason, message=error.message, retry_after_ms=retry_after_ms, fields=fields
    )
