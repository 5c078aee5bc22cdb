"""The header blocks of an RPC: what a request says, and those of an answer (gRPC over HTTP/2).

Blocks are read with the `hpack` library. What an answer says is nearly always the same few fields, and a block that
refers to no table needs no state: the bytes are made here.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from math import ceil
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

from mesh.http2.frames import PROTOCOL_ERROR, StreamFault

if TYPE_CHECKING:
    from collections.abc import Sequence

Field = tuple[bytes, bytes]
Metadata = tuple[tuple[str, "str | bytes"], ...]

MAX_MESSAGE: Final = 400
"""Characters of a status message: what is behind them is left out."""

MAX_DETAILS_BYTES: Final = 5_120
"""Details that are larger are left out: with a third more as base64, and a message, they fill the 8 kB that clients of
gRPC surely take in headers."""

MAX_TIMEOUT_MS: Final = 99_999_999
"""What eight digits say."""

_PSEUDO: Final = frozenset((b":method", b":scheme", b":path", b":authority"))
_OF_CONNECTIONS: Final = frozenset(
    (b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade")
)
_OF_TRANSPORT: Final = frozenset((b"te", b"content-type", b"content-length"))
_UNITS: Final = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_IN_NAMES: Final = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
_PRINTABLE: Final = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")


class Request(NamedTuple):
    """The head of an RPC. `refusal` is the status of HTTP for what is no call of gRPC, 0 for one that is."""

    path: str
    metadata: Metadata
    timeout: float | None
    encoding: str
    length: int | None
    refusal: int = 0


def request(fields: Sequence[Field]) -> Request:
    """Read the head of an RPC. Raises StreamFault for what HTTP/2 or gRPC forbids."""
    pseudo, rest = _apart(fields)
    path = _text(pseudo.get(b":path", b""))
    if not path or b":scheme" not in pseudo or b":method" not in pseudo:
        raise StreamFault(PROTOCOL_ERROR)
    known = dict(rest)
    return Request(
        path=path,
        metadata=tuple(_metadata(name, value) for name, value in rest if name not in _OF_TRANSPORT),
        timeout=_timeout(known.get(b"grpc-timeout")),
        encoding=_text(known.get(b"grpc-encoding", b"identity")),
        length=_length(known.get(b"content-length")),
        refusal=_refusal(pseudo[b":method"], known.get(b"content-type", b"")),
    )


def check_trailers(fields: Sequence[Field]) -> None:
    """Raises StreamFault for what may not stand in trailers."""
    pseudo, _ = _apart(fields)
    if pseudo:
        raise StreamFault(PROTOCOL_ERROR)


def asked(path: str, authority: str, metadata: Metadata, timeout: float | None) -> bytes:
    """Return the block that begins an RPC, on the side that asks: no message may come compressed."""
    fields = [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", path.encode()),
        (b":authority", authority.encode()),
    ]
    fields += [(b"te", b"trailers"), (b"content-type", b"application/grpc")]
    if timeout is not None:
        fields.append((b"grpc-timeout", b"%dm" % min(MAX_TIMEOUT_MS, max(1, ceil(timeout * 1_000)))))
    for name, value in metadata:
        fields.append((name.encode(), value.encode() if isinstance(value, str) else b64encode(value).rstrip(b"=")))
    return b"".join([_literal(*field) for field in fields])


def refusal(status: int) -> bytes:
    """Return the block that answers what is no gRPC."""
    return _literal(b":status", b"%d" % status)


def trailers(code: int, message: str, details: bytes | None) -> bytes:
    """Return the block that ends an RPC with this status."""
    block = _literal(b"grpc-status", b"%d" % code)
    if message:
        block += _literal(b"grpc-message", _quoted(message))
    if details and len(details) <= MAX_DETAILS_BYTES:
        block += _literal(b"grpc-status-details-bin", b64encode(details).rstrip(b"="))
    return block


def _apart(fields: Sequence[Field]) -> tuple[dict[bytes, bytes], list[Field]]:
    """The pseudo-headers, and the others."""
    pseudo: dict[bytes, bytes] = {}
    rest: list[Field] = []
    values = b"".join([value for _, value in fields])
    if b"\0" in values or b"\r" in values or b"\n" in values:
        raise StreamFault(PROTOCOL_ERROR)
    for name, value in fields:
        if name[:1] == b":":
            if rest or name in pseudo or name not in _PSEUDO:
                raise StreamFault(PROTOCOL_ERROR)
            pseudo[name] = value
        elif (
            not name
            or name.translate(None, _IN_NAMES)
            or name in _OF_CONNECTIONS
            or (name == b"te" and value != b"trailers")
        ):
            raise StreamFault(PROTOCOL_ERROR)
        else:
            rest.append((name, value))
    return pseudo, rest


def _refusal(method: bytes, content_type: bytes) -> int:
    if method != b"POST":
        return 405
    kind = content_type.partition(b";")[0].strip()
    return 0 if kind == b"application/grpc" or kind.startswith(b"application/grpc+") else 415


def _metadata(name: bytes, value: bytes) -> tuple[str, str | bytes]:
    if not name.endswith(b"-bin"):
        return _text(name), _text(value)
    try:
        return _text(name), b64decode(value + b"=" * (-len(value) % 4), validate=True)
    except binascii.Error:
        raise StreamFault(PROTOCOL_ERROR) from None


def _timeout(value: bytes | None) -> float | None:
    """How many seconds the client waits; it says it as up to eight digits and a unit."""
    if value is None:
        return None
    digits, unit = value[:-1], _text(value[-1:])
    if not digits.isdigit() or len(digits) > 8 or unit not in _UNITS:  # noqa: PLR2004  see above
        raise StreamFault(PROTOCOL_ERROR)
    return int(digits) * _UNITS[unit]


def _length(value: bytes | None) -> int | None:
    if value is None:
        return None
    if not value.isdigit() or len(value) > 15:  # noqa: PLR2004  more than anybody sends
        raise StreamFault(PROTOCOL_ERROR)
    return int(value)


def _text(value: bytes) -> str:
    return value.decode("latin-1")


def _quoted(message: str) -> bytes:
    """Return a status message percent-encoded, as gRPC has it."""
    return quote(message[:MAX_MESSAGE], safe=_PRINTABLE, errors="replace").encode()


def _literal(name: bytes, value: bytes) -> bytes:
    """Return one field that refers to no table and enters none (RFC 7541, 6.2.2)."""
    return b"\0" + _length_of(name) + name + _length_of(value) + value


def _length_of(value: bytes) -> bytes:
    """Return a length as a number with a prefix of seven bits (RFC 7541, 5.1)."""
    size = len(value)
    if size < 0x7F:  # noqa: PLR2004  what seven bits hold
        return bytes((size,))
    size -= 0x7F
    encoded = bytearray((0x7F,))
    while size > 0x7F:  # noqa: PLR2004  as above
        encoded.append(0x80 | size & 0x7F)
        size >>= 7
    encoded.append(size)
    return bytes(encoded)


BEGIN: Final = (
    _literal(b":status", b"200")
    + _literal(b"content-type", b"application/grpc")
    + _literal(b"grpc-accept-encoding", b"identity,deflate,gzip")
)
"""The block that begins an answer."""
