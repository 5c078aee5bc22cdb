"""Header blocks: put together from their frames, and unpacked with HPACK (RFC 7541)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import hpack

from mesh.http2 import frames
from mesh.http2.frames import ConnectionFault

if TYPE_CHECKING:
    from mesh.http2.headers import Field

MAX_BYTES: Final = 64 * 1024
"""Of one block, packed and unpacked: above it the connection ends, since its tables are lost."""

MAX_PIECES: Final = 64
"""Frames that one block may come in: small ones would cost more than they carry."""


class Blocks:
    """The header blocks of one connection. `stream_id` is that of the block that has begun, 0 between two."""

    __slots__ = ("_block", "_decoder", "_flags", "_pieces", "stream_id")

    def __init__(self) -> None:
        self.stream_id = 0
        self._decoder = hpack.Decoder(MAX_BYTES)
        self._block = b""
        self._flags = self._pieces = 0

    def begin(self, stream_id: int, flags: int, payload: bytes) -> tuple[list[Field], bool] | None:
        """Take a HEADERS frame; return its fields and whether the stream ends, None while more is to come."""
        self._block, self._pieces, self._flags, self.stream_id = payload, 0, flags, stream_id
        return self._complete(flags)

    def go_on(self, flags: int, payload: bytes) -> tuple[list[Field], bool] | None:
        """Take a CONTINUATION frame. Raises ConnectionFault without a block, and for one that grows too large."""
        if not self.stream_id:
            raise ConnectionFault(frames.PROTOCOL_ERROR)
        self._block += payload
        self._pieces += 1
        if len(self._block) > MAX_BYTES or self._pieces > MAX_PIECES:
            raise ConnectionFault(frames.ENHANCE_YOUR_CALM)
        return self._complete(flags)

    def _complete(self, flags: int) -> tuple[list[Field], bool] | None:
        if not flags & frames.END_HEADERS:
            return None
        block, self._block, self.stream_id = self._block, b"", 0
        try:
            # As bytes: what a client says in a header need not be text.
            fields = cast("list[Field]", self._decoder.decode(block, raw=True))
        except hpack.HPACKError:
            raise ConnectionFault(frames.COMPRESSION_ERROR) from None
        return fields, bool(self._flags & frames.END_STREAM)
