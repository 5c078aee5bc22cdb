"""The header blocks of an RPC from the side that asks: what a request says, and what an answer means."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from math import ceil
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from mesh.errors import Code
from mesh.http2 import frames
from mesh.http2.headers import literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mesh.http2.headers import Field, Metadata

MAX_TIMEOUT_MS: Final = 99_999_999
"""What eight digits say."""

_COMMON: Final = (
    literal(b":method", b"POST")
    + literal(b":scheme", b"http")
    + literal(b"te", b"trailers")
    + literal(b"content-type", b"application/grpc")
    + literal(b"grpc-accept-encoding", b"identity,deflate,gzip")
)
_PSEUDO: Final = len(literal(b":method", b"POST") + literal(b":scheme", b"http"))

_OF_HTTP: Final[Mapping[bytes, Code]] = {
    b"400": Code.INTERNAL,
    b"401": Code.UNAUTHENTICATED,
    b"403": Code.PERMISSION_DENIED,
    b"404": Code.UNIMPLEMENTED,
    b"429": Code.UNAVAILABLE,
    b"502": Code.UNAVAILABLE,
    b"503": Code.UNAVAILABLE,
    b"504": Code.UNAVAILABLE,
}
_OF_RESET: Final[Mapping[int, Code]] = {
    frames.REFUSED_STREAM: Code.UNAVAILABLE,
    frames.CANCEL: Code.CANCELLED,
    frames.ENHANCE_YOUR_CALM: Code.RESOURCE_EXHAUSTED,
}


class Failed(Exception):  # noqa: N818  an end like OK, as the server said it or as this end found it
    """The RPC ended with another status than OK. `details` is a `google.rpc.Status` in bytes, empty without one."""

    def __init__(self, code: int, message: str, details: bytes = b"") -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.details = details


def request(path: str, authority: str, metadata: Metadata, timeout: float | None) -> bytes:
    """Return the block that begins an RPC."""
    block = _COMMON[:_PSEUDO] + literal(b":path", path.encode()) + literal(b":authority", authority.encode())
    block += _COMMON[_PSEUDO:]
    if timeout is not None:
        block += literal(b"grpc-timeout", b"%dm" % min(MAX_TIMEOUT_MS, max(1, ceil(timeout * 1_000))))
    for name, value in metadata:
        raw = value.encode("latin-1") if isinstance(value, str) else b64encode(value).rstrip(b"=")
        block += literal(name.encode(), raw)
    return block


def refusal(fields: Iterable[Field]) -> Failed | None:
    """Return why what begins an answer is no answer of gRPC, None when it is one."""
    known = dict(fields)
    status, kind = known.get(b":status", b""), known.get(b"content-type", b"")
    if status != b"200":
        return Failed(_OF_HTTP.get(status, Code.UNKNOWN), f"HTTP status {_text(status)}")
    if not kind.startswith(b"application/grpc"):
        return Failed(Code.UNKNOWN, f"the answer is of the type {_text(kind)!r}")
    return None


def outcome(fields: Iterable[Field]) -> Failed | None:
    """Return the status that the last block of an answer says, None for OK."""
    known = dict(fields)
    status = known.get(b"grpc-status", b"")
    if not status.isdigit():
        return (refusal(fields) if b":status" in known else None) or Failed(Code.UNKNOWN, "ended without a status")
    if int(status) == Code.OK:
        return None
    message = unquote_to_bytes(known.get(b"grpc-message", b"")).decode(errors="replace")
    return Failed(int(status), message, _details(known.get(b"grpc-status-details-bin", b"")))


def reset(code: int) -> Failed:
    """Return what it means that the server has reset the stream."""
    return Failed(_OF_RESET.get(code, Code.INTERNAL), f"the server reset the stream with code {code}")


def _details(value: bytes) -> bytes:
    try:
        return b64decode(value + b"=" * (-len(value) % 4), validate=True)
    except binascii.Error:
        return b""


def _text(value: bytes) -> str:
    return value.decode("latin-1")
