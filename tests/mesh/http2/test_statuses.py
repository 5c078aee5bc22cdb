"""The block that ends a call."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING
from urllib.parse import unquote

import grpc
import hpack
import pytest

from mesh.http2 import headers
from tests.mesh.http2.served import serving

if TYPE_CHECKING:
    from mesh.http2.exchange import Exchange

MESSAGES = ["plain text, with: punctuation!", "100 %", "grüße, мир, 世界, 🙂", "a\r\nb\0c\x7f", "%41", "x" * 300, ""]


def _said(block: bytes) -> dict[str, str]:
    return {str(name): str(value) for name, value in hpack.Decoder().decode(block)}


@pytest.mark.parametrize("text", MESSAGES)
def test_a_message_travels_as_printable_ascii(text: str) -> None:
    """Whatever a message says, it comes out of its encoding as it was, and nothing in it ends a header."""
    said = _said(headers.trailers(3, text, None)).get("grpc-message", "")
    assert said.isascii()
    assert said.isprintable()
    assert unquote(said) == text


async def _failed(text: str, details: bytes) -> grpc.aio.AioRpcError:
    """Return what a stock client makes of a call that ends so."""

    async def serve(exchange: Exchange) -> None:
        exchange.finish(headers.trailers(3, text, details))

    async with serving(serve) as address, grpc.aio.insecure_channel(address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await channel.unary_unary("/any", bytes)(b"", timeout=30)
    return failed.value


async def test_a_stock_client_reads_the_message() -> None:
    """What gRPC's own client shows is what was said."""
    error = await _failed("grüße 100 %", b"details")
    assert (error.code(), error.details()) == (grpc.StatusCode.INVALID_ARGUMENT, "grüße 100 %")
    assert dict(error.trailing_metadata() or ())["grpc-status-details-bin"] == b"details"


@pytest.mark.parametrize("size", [0, 1, 2, 3, headers.MAX_DETAILS_BYTES])
def test_details_are_base64(size: int) -> None:
    """Without the padding that gRPC leaves out."""
    said = _said(headers.trailers(3, "", b"\xff" * size)).get("grpc-status-details-bin", "")
    assert b64decode(said + "=" * (-len(said) % 4)) == b"\xff" * size


async def test_what_is_too_large_for_a_header_is_left_out() -> None:
    """A status of any size reaches a stock client as one: without details, and with the begin of its message."""
    error = await _failed("ж" * 100_000, b"x" * (headers.MAX_DETAILS_BYTES + 1))
    assert (error.code(), error.details()) == (grpc.StatusCode.INVALID_ARGUMENT, "ж" * headers.MAX_MESSAGE)
    assert "grpc-status-details-bin" not in dict(error.trailing_metadata() or ())


def test_half_a_character_is_no_failure() -> None:
    """A message that is no text for the wire is still a message."""
    assert _said(headers.trailers(2, "a\ud800b", None))["grpc-message"] == "a?b"
