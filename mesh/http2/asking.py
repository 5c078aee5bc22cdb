"""What an answer means to the side that asked: its first block, its last one, and its end without one."""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from mesh.errors import Code
from mesh.http2 import frames

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mesh.http2.headers import Field

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


class NotBegun(Failed):
    """The server has not begun the RPC and will not: it may be begun anew, whatever it does."""

    def __init__(self, message: str) -> None:
        super().__init__(Code.UNAVAILABLE, message)


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
    if code == frames.REFUSED_STREAM:
        return NotBegun("the server refused the stream")
    return Failed(_OF_RESET.get(code, Code.INTERNAL), f"the server reset the stream with code {code}")


def _details(value: bytes) -> bytes:
    try:
        return b64decode(value + b"=" * (-len(value) % 4), validate=True)
    except binascii.Error:
        return b""


def _text(value: bytes) -> str:
    return value.decode("latin-1")
