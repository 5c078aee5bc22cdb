"""Bad input on the wire, and the code that answers it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from mesh.errors import Code, Reason
from mesh.interceptors import CallSettings
from mesh.server import ServerSettings
from tests.mesh import wire
from tests.mesh.echo import PACKAGE, Ping, path, refused, running, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.mesh.echo import Running

HELLO = b"\x0a\x05hello"
SAY = f"{PACKAGE}.EchoService/Say"
IMPATIENT = ServerSettings(calls=CallSettings(first_message_seconds=0.2, default_deadline_seconds=0.5))


@pytest.fixture
async def echo() -> AsyncIterator[Running]:
    async with running() as echo:
        yield echo


@pytest.fixture
async def impatient() -> AsyncIterator[Running]:
    async with running(IMPATIENT) as echo:
        yield echo


async def test_a_good_call_is_answered(echo: Running) -> None:
    """The raw client of these tests is understood, so a refusal is due to what a test changes."""
    answer = await wire.call(echo.address, f"/{SAY}", wire.frame(HELLO))
    assert (answer.code, answer.data) == (Code.OK, wire.frame(HELLO))


@pytest.mark.parametrize(
    "bad",
    [
        SAY,
        f"//{SAY}",
        f"/{SAY}/",
        f"/{PACKAGE}.EchoService%2FSay",
        f"/{SAY}\0",
        f"/{SAY}?a=b",
        f"/{PACKAGE}.EchoService/say",
        f"/{PACKAGE}.EchoService/",
        f"/{PACKAGE}.echoservice/Say",
        "/grpc.health.v1.Health/Check",
    ],
)
async def test_a_path_that_is_not_exactly_in_the_table_is_unimplemented(echo: Running, bad: str) -> None:
    """Nothing reaches a method by a second spelling of its path."""
    answer = await wire.call(echo.address, bad, wire.frame(HELLO))
    assert answer.reset or answer.code == Code.UNIMPLEMENTED
    assert not echo.servicer.callers


@pytest.mark.parametrize(
    "body, code",
    [
        pytest.param(b"", Code.INVALID_ARGUMENT, id="no message"),
        pytest.param(wire.frame(HELLO) * 2, Code.UNIMPLEMENTED, id="two messages"),
        pytest.param(wire.frame(b"\xff\xff\xff"), Code.INVALID_ARGUMENT, id="malformed"),
        pytest.param(wire.frame(b"\x0a\x02\xc3\x28"), Code.INVALID_ARGUMENT, id="invalid UTF-8"),
        pytest.param(wire.frame(HELLO + b"\xf8\x7f\x01"), Code.OK, id="unknown field"),
    ],
)
async def test_the_request_of_a_unary_call_is_one_good_message(echo: Running, body: bytes, code: Code) -> None:
    """Every other request is answered at once with the code that says what is wrong."""
    answer = await wire.call(echo.address, f"/{SAY}", body)
    assert answer.code == code
    assert len(echo.servicer.callers) == (code == Code.OK)


async def test_a_message_nested_200_deep_is_refused(echo: Running) -> None:
    """The parser's depth limit is an answer to the caller, not a failure of ours."""
    message = b""
    for _ in range(200):
        message = Ping(inner=Ping.FromString(message)).SerializeToString() if len(message) < 150 else _wrap(message)
    answer = await wire.call(echo.address, f"/{SAY}", wire.frame(message))
    assert answer.code == Code.INVALID_ARGUMENT


def _wrap(message: bytes) -> bytes:
    low, high = 0x80 | len(message) & 0x7F, len(message) >> 7
    return b"\x12" + bytes([low, high]) + message


async def test_a_message_above_the_limit_is_resource_exhausted(echo: Running) -> None:
    """The size is refused before the message is taken in."""
    too_much = b"x" * (ServerSettings().max_receive_bytes + 1)
    assert (await refused(echo.raw("Say")(too_much, timeout=30))).code == Code.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("rpc", ["Say", "Follow", "Chat"])
async def test_a_first_message_that_does_not_come_ends_the_call(impatient: Running, rpc: str) -> None:
    """Whoever opens an RPC and stays silent is told DEADLINE_EXCEEDED."""
    answer = await wire.call(impatient.address, path(rpc), b"", end=False)
    assert answer.code == Code.DEADLINE_EXCEEDED


async def test_a_unary_call_without_an_end_is_not_run(impatient: Running) -> None:
    """A second message could still come, so the method waits for the end and the deadline covers the wait."""
    answer = await wire.call(impatient.address, path("Say"), wire.frame(HELLO), end=False)
    assert answer.code == Code.DEADLINE_EXCEEDED
    assert not impatient.servicer.callers


@pytest.mark.parametrize("asked", ["99999999S", "00000001H"])
async def test_a_long_deadline_is_accepted(echo: Running, asked: str) -> None:
    """A client may ask for more time than it gets."""
    answer = await wire.call(echo.address, path("Say"), wire.frame(HELLO), ("grpc-timeout", asked))
    assert answer.code == Code.OK


async def test_a_call_without_a_deadline_gets_one(impatient: Running) -> None:
    """No call stays inside for ever."""
    waiting = impatient.unary("Say")(Ping(text="wait"))
    assert (await refused(waiting)).code == Code.DEADLINE_EXCEEDED
    await until(lambda: not impatient.servicer.inside)
    assert impatient.servicer.cancelled == 1


async def test_a_passed_deadline_is_deadline_exceeded(echo: Running) -> None:
    """A call whose time is over is not begun."""
    assert (await refused(echo.unary("Say")(Ping(), timeout=-1))).code == Code.DEADLINE_EXCEEDED
    assert not echo.servicer.callers


async def test_five_calls_without_a_message_leave_room_for_good_ones() -> None:
    """What wedges gRPC's own limiter for good does not wedge this one."""
    settings = ServerSettings(calls=CallSettings(max_calls=2))
    async with running(settings) as echo:
        await asyncio.gather(*(wire.call(echo.address, f"/{SAY}", b"") for _ in range(5)))
        assert await echo.call("Say") == "hello"


async def test_a_user_id_in_metadata_is_ignored(echo: Running) -> None:
    """Only a token says who someone is."""
    answer = await wire.call(echo.address, path("Say"), wire.frame(HELLO), ("x-user-id", "u1"), ("user_id", "u1"))
    assert answer.code == Code.OK
    assert [(caller.kind, caller.user_id) for caller in echo.servicer.callers] == [("anonymous", "")]


async def test_a_unary_call_to_a_stream_method_is_answered(echo: Running) -> None:
    """A stream of one message is a stream."""
    answer = await wire.call(echo.address, path("Chat"), wire.frame(b"\x0a\x03bye"))
    assert answer.code == Code.OK


async def test_a_large_header_is_resource_exhausted(echo: Running) -> None:
    """Metadata is bounded before it reaches our code."""
    answer = await wire.call(echo.address, path("Say"), wire.frame(HELLO), ("x-big", "a" * 20_000))
    assert answer.code == Code.RESOURCE_EXHAUSTED


async def test_the_reason_of_a_refused_request_is_in_its_details(echo: Running) -> None:
    """A program can tell a malformed request from one outside its limits."""
    assert (await refused(echo.raw("Say")(b"\xff\xff", timeout=30))).reason == Reason.MALFORMED_REQUEST
