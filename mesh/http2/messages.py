"""Messages of gRPC inside a stream of bytes: a flag, four bytes of length, and the message."""

from __future__ import annotations

import struct
import zlib
from typing import Final

PREFIX: Final = struct.Struct("!BI")
_WINDOW_BITS: Final = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


class TooLarge(Exception):  # noqa: N818  says what the message is
    """A message is larger than this end takes."""


class Unreadable(Exception):  # noqa: N818  as above
    """A message is compressed in a way that was not named, or that this end does not know."""


class Truncated(Exception):  # noqa: N818  as above
    """The peer has ended its side inside a message."""


class Packed(bytes):
    """A message that came compressed, and stays so until somebody reads it: it may become a thousand times as large."""

    __slots__ = ()


class Assembler:
    """Puts messages together that came in pieces."""

    __slots__ = ("_part",)

    def __init__(self) -> None:
        self._part = bytearray()

    def take(self, payload: bytes, limit: int) -> list[tuple[int, bytes]]:
        """Take more bytes; return the messages that are complete with their flags. Raises TooLarge."""
        part, at, complete = self._part, 0, []
        part += payload
        while len(part) - at >= PREFIX.size:
            flag, size = PREFIX.unpack_from(part, at)
            if size > limit:
                raise TooLarge
            end = at + PREFIX.size + size
            if len(part) < end:
                break
            complete.append((flag, bytes(part[at + PREFIX.size : end])))
            at = end
        del part[:at]
        return complete

    @property
    def empty(self) -> bool:
        """Whether no message has begun."""
        return not self._part


def inflated(message: bytes, encoding: str, limit: int) -> bytes:
    """Return a message that came compressed. Raises Unreadable, or TooLarge before it holds more than the limit."""
    bits = _WINDOW_BITS.get(encoding)
    if bits is None:
        raise Unreadable
    inflater = zlib.decompressobj(bits)
    try:
        plain = inflater.decompress(message, limit + 1)
    except zlib.error:
        raise Unreadable from None
    if len(plain) > limit:
        raise TooLarge
    if not inflater.eof:
        raise Unreadable
    return plain
