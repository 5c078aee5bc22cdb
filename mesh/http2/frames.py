"""The frames of HTTP/2 as bytes (RFC 9113, sections 4, 6 and 7): kinds, flags, settings, error codes."""

from __future__ import annotations

import struct
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD: Final = struct.Struct("!HBBBI")
"""Length (as 16 and 8 bits), kind, flags, stream."""

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)

END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
PRIORITIZED: Final = 0x20

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_STREAMS, INITIAL_WINDOW, MAX_FRAME, MAX_HEADER_LIST = range(1, 7)

NO_ERROR: Final = 0x0
PROTOCOL_ERROR: Final = 0x1
INTERNAL_ERROR: Final = 0x2
FLOW_CONTROL_ERROR: Final = 0x3
STREAM_CLOSED: Final = 0x5
FRAME_SIZE_ERROR: Final = 0x6
REFUSED_STREAM: Final = 0x7
CANCEL: Final = 0x8
COMPRESSION_ERROR: Final = 0x9
ENHANCE_YOUR_CALM: Final = 0xB

DEFAULT_WINDOW: Final = 65_535
MAX_WINDOW: Final = 2**31 - 1
SMALLEST_MAX_FRAME: Final = 16_384
LARGEST_MAX_FRAME: Final = 2**24 - 1
STREAM_BITS: Final = 2**31 - 1

_SETTING: Final = struct.Struct("!HI")

_OF_STREAM: Final = {
    DATA: True,
    HEADERS: True,
    PRIORITY: True,
    RST_STREAM: True,
    CONTINUATION: True,
    SETTINGS: False,
    PING: False,
    GOAWAY: False,
}
_SIZES: Final = {PRIORITY: 5, RST_STREAM: 4, PING: 8, WINDOW_UPDATE: 4}


class ConnectionFault(Exception):  # noqa: N818  named as the RFC names it: a connection error
    """The peer broke the protocol so that the connection cannot go on; `code` is what GOAWAY says."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class StreamFault(ConnectionFault):
    """The peer broke the protocol in one stream; `code` is what RST_STREAM says."""


def check(kind: int, stream_id: int, size: int) -> None:
    """Raise a fault for a frame that belongs to no stream and names one, or the reverse, or that has a wrong size."""
    if _OF_STREAM.get(kind, bool(stream_id)) != bool(stream_id):
        raise ConnectionFault(PROTOCOL_ERROR)
    if size != _SIZES.get(kind, size):
        raise (StreamFault if kind == PRIORITY else ConnectionFault)(FRAME_SIZE_ERROR)


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """Return one frame."""
    size = len(payload)
    return HEAD.pack(size >> 8, size & 255, kind, flags, stream_id) + payload


def number(kind: int, stream_id: int, value: int) -> bytes:
    """Return a frame whose payload is one number: WINDOW_UPDATE or RST_STREAM."""
    return frame(kind, 0, stream_id, value.to_bytes(4, "big"))


def settings(values: dict[int, int]) -> bytes:
    """Return a SETTINGS frame."""
    return frame(SETTINGS, 0, 0, b"".join(_SETTING.pack(*one) for one in values.items()))


def goaway(last_stream_id: int, code: int) -> bytes:
    """Return a GOAWAY frame."""
    return frame(GOAWAY, 0, 0, last_stream_id.to_bytes(4, "big") + code.to_bytes(4, "big"))


def read_settings(payload: bytes) -> dict[int, int]:
    """Return what a SETTINGS frame says; raises ConnectionFault for values that the RFC forbids."""
    if len(payload) % _SETTING.size:
        raise ConnectionFault(FRAME_SIZE_ERROR)
    values = dict(_SETTING.iter_unpack(payload))
    if values.get(ENABLE_PUSH, 0) > 1:
        raise ConnectionFault(PROTOCOL_ERROR)
    if values.get(INITIAL_WINDOW, 0) > MAX_WINDOW:
        raise ConnectionFault(FLOW_CONTROL_ERROR)
    if not SMALLEST_MAX_FRAME <= values.get(MAX_FRAME, SMALLEST_MAX_FRAME) <= LARGEST_MAX_FRAME:
        raise ConnectionFault(PROTOCOL_ERROR)
    return values


def unpadded(flags: int, payload: bytes) -> bytes:
    """Return the payload of DATA or HEADERS without its padding."""
    if not flags & PADDED:
        return payload
    if not payload:
        raise ConnectionFault(FRAME_SIZE_ERROR)
    if payload[0] >= len(payload):
        raise ConnectionFault(PROTOCOL_ERROR)
    return payload[1 : len(payload) - payload[0]]


def block(flags: int, stream_id: int, payload: bytes) -> bytes:
    """Return the piece of a header block that a HEADERS frame carries, without padding and priority."""
    payload = unpadded(flags, payload)
    if not flags & PRIORITIZED:
        return payload
    if len(payload) < _SIZES[PRIORITY]:
        raise ConnectionFault(FRAME_SIZE_ERROR)
    if depends(payload) == stream_id:
        # No fault of the stream alone: its block would go unread, and all tables be wrong after it.
        raise ConnectionFault(PROTOCOL_ERROR)
    return payload[_SIZES[PRIORITY] :]


def depends(priority: bytes) -> int:
    """Return the stream that another one is said to depend on."""
    return int.from_bytes(priority[:4], "big") & STREAM_BITS
