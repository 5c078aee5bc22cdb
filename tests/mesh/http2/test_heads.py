"""What the head of a call may say."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

import pytest

from mesh.errors import Code
from mesh.http2 import frames, headers
from mesh.http2.frames import StreamFault
from tests.mesh.echo import path
from tests.mesh.http2 import raw
from tests.mesh.http2.raw import Fields, message

if TYPE_CHECKING:
    from tests.mesh.echo import Running
    from tests.mesh.http2.raw import Peer


def without(name: str, *more: tuple[str, str]) -> Fields:
    """Return the head of a call without one of its fields, and with others after it."""
    return [*(one for one in raw.fields() if one[0] != name), *more]


def first(name: str, value: str) -> Fields:
    """Return the head of a call with a field before all others."""
    return [(name, value), *raw.fields()]


MALFORMED = {
    "no path": without(":path"),
    "empty path": [(":path", ""), *without(":path")],
    "no method": without(":method"),
    "no scheme": without(":scheme"),
    "path twice": first(":path", path("Say")),
    "method twice": first(":method", "POST"),
    "unknown pseudo-header": first(":protocol", "x"),
    "pseudo-header of an answer": first(":status", "200"),
    "pseudo-header after others": without(":path", (":path", path("Say"))),
    "uppercase": raw.fields("Say", ("X-Upper", "a")),
    "space in a name": raw.fields("Say", ("x y", "a")),
    "colon in a name": raw.fields("Say", ("x:y", "a")),
    "no name": raw.fields("Say", ("", "a")),
    "line break in a value": raw.fields("Say", ("x", "a\r\nb")),
    "zero in a value": raw.fields("Say", ("x", "a\0b")),
    "connection": raw.fields("Say", ("connection", "close")),
    "keep-alive": raw.fields("Say", ("keep-alive", "1")),
    "proxy-connection": raw.fields("Say", ("proxy-connection", "close")),
    "transfer-encoding": raw.fields("Say", ("transfer-encoding", "chunked")),
    "upgrade": raw.fields("Say", ("upgrade", "h2c")),
    "te": without("te", ("te", "gzip")),
    "timeout without a unit": raw.fields("Say", ("grpc-timeout", "10")),
    "timeout without a number": raw.fields("Say", ("grpc-timeout", "S")),
    "empty timeout": raw.fields("Say", ("grpc-timeout", "")),
    "negative timeout": raw.fields("Say", ("grpc-timeout", "-1S")),
    "timeout of nine digits": raw.fields("Say", ("grpc-timeout", "123456789S")),
    "timeout in days": raw.fields("Say", ("grpc-timeout", "1D")),
    "base64": raw.fields("Say", ("x-bin", "a")),
    "no base64": raw.fields("Say", ("x-bin", "*")),
    "length": raw.fields("Say", ("content-length", "ten")),
    "negative length": raw.fields("Say", ("content-length", "-1")),
    "length of sixteen digits": raw.fields("Say", ("content-length", "1" * 16)),
}


@pytest.mark.parametrize("said", MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_head_resets_its_stream(echo: Running, peer: Peer, said: Fields) -> None:
    """It is a fault of that stream alone; no handler hears of it."""
    peer.say(frames.HEADERS, raw.LAST, 1, raw.block(said))
    assert await peer.reset(1) == frames.PROTOCOL_ERROR
    assert not echo.servicer.callers
    await peer.serves(3)


REFUSED = {
    "GET": ([(":method", "GET"), *without(":method")], "405"),
    "OPTIONS": ([(":method", "OPTIONS"), *without(":method")], "405"),
    "no content-type": (without("content-type"), "415"),
    "JSON": (without("content-type", ("content-type", "application/json")), "415"),
    "gRPC-Web": (without("content-type", ("content-type", "application/grpc-web")), "415"),
}


@pytest.mark.parametrize("said, status", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("end", [True, False])
async def test_what_is_no_grpc_is_answered_as_http(peer: Peer, said: Fields, status: str, *, end: bool) -> None:
    """Headers alone say why; a client that goes on is told that nobody listens."""
    peer.say(frames.HEADERS, raw.LAST if end else frames.END_HEADERS, 1, raw.block(said))
    assert (await peer.answer(1)).headers == {":status": status}
    if not end:
        assert await peer.reset(1) == frames.NO_ERROR
    await peer.serves(3)


@pytest.mark.parametrize("kind", ["application/grpc", "application/grpc+proto", "application/grpc; charset=utf-8"])
async def test_every_spelling_of_grpc_is_taken(peer: Peer, kind: str) -> None:
    """What follows the name of the type says how messages are encoded: here they are what they are."""
    peer.say(frames.HEADERS, frames.END_HEADERS, 1, raw.block(without("content-type", ("content-type", kind))))
    peer.say(frames.DATA, frames.END_STREAM, 1, message())
    answer = await peer.answer(1)
    assert (answer.headers[":status"], answer.headers["content-type"]) == ("200", "application/grpc")
    assert answer.code == Code.OK


@pytest.mark.parametrize("unknown", ["/", "*", "/x", "/mesh.test.v1.EchoService/say", "/\xff"])
async def test_an_unknown_path_is_unimplemented(peer: Peer, unknown: str) -> None:
    """It is answered by gRPC, with a status, at once."""
    peer.say(frames.HEADERS, frames.END_HEADERS, 1, raw.block([(":path", unknown), *without(":path")]))
    assert (await peer.answer(1)).code == Code.UNIMPLEMENTED


@pytest.mark.parametrize("said, body", [("0", b""), ("12", message())])
async def test_a_length_that_holds_is_taken(peer: Peer, said: str, body: bytes) -> None:
    """A client may say how much it is going to send."""
    peer.call(1, "Say", body, ("content-length", said))
    assert (await peer.answer(1)).code == (Code.OK if body else Code.INVALID_ARGUMENT)


@pytest.mark.parametrize("said", ["11", "13", "0"])
async def test_another_length_than_was_said_is_a_fault(peer: Peer, said: str) -> None:
    """Somebody has lost or added bytes: the call is not answered as if they had not."""
    peer.call(1, "Say", message(), ("content-length", said))
    assert await peer.reset(1) == frames.PROTOCOL_ERROR
    await peer.serves(3)


async def test_a_length_without_a_body_is_a_fault(peer: Peer) -> None:
    """A stream that ends with its head has sent nothing."""
    peer.open(1, "Say", ("content-length", "5"), end=True)
    assert await peer.reset(1) == frames.PROTOCOL_ERROR


def _head(*more: tuple[str, str]) -> headers.Request:
    return headers.request([(name.encode(), value.encode("latin-1")) for name, value in raw.fields("Say", *more)])


@pytest.mark.parametrize("data", [b"", b"\0", b"\xff\xfe", bytes(range(256))])
@pytest.mark.parametrize("padded", [True, False])
def test_binary_metadata_are_bytes(data: bytes, *, padded: bool) -> None:
    """With and without padding at the end of their base64."""
    text = b64encode(data).decode()
    assert _head(("x-bin", text if padded else text.rstrip("="))).metadata == (("x-bin", data),)


def test_text_of_metadata_need_not_be_text() -> None:
    """Bytes above ASCII are kept one for one, and fields of one name in their order."""
    assert _head(("x", "b\xff"), ("x", "a")).metadata == (("x", "b\xff"), ("x", "a"))


@pytest.mark.parametrize(
    "said, seconds",
    [("1H", 3_600.0), ("2M", 120.0), ("3S", 3.0), ("4m", 0.004), ("5u", 5e-6), ("6n", 6e-9), ("99999999S", 99_999_999)],
)
def test_a_timeout_has_a_unit(said: str, seconds: float) -> None:
    """From hours to nanoseconds."""
    assert _head(("grpc-timeout", said)).timeout == pytest.approx(seconds)


def test_a_head_is_read_to_its_end_before_it_is_judged() -> None:
    """A pseudo-header may not come late."""
    with pytest.raises(StreamFault):
        headers.request([(b"te", b"trailers"), (b":path", b"/")])
