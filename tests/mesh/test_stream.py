from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc
import pytest

from mesh.errors import Code
from tests.mesh.echo import Ping, Pong, path, refused, running, serialize, stream_of, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.mesh.echo import Running


@pytest.fixture
async def echo() -> AsyncIterator[Running]:
    async with running() as echo:
        yield echo


async def _opened(echo: Running, text: str = "hello") -> grpc.aio.StreamStreamCall[Ping, Pong]:
    call: grpc.aio.StreamStreamCall[Ping, Pong] = echo.stream("Chat")()
    await call.write(Ping(text=text))
    await call.read()
    return call


async def test_messages_go_both_ways_until_the_goodbye(echo: Running) -> None:
    """A stream that was ended in its own protocol ends at once with OK."""
    call = await _opened(echo)
    await call.write(Ping(text="bye"))
    assert await call.code() == grpc.StatusCode.OK
    assert (echo.servicer.inside, echo.servicer.returned) == (0, 1)


async def test_a_half_close_without_goodbye_is_an_end(echo: Running) -> None:
    """A client that sends no more gets a clean end, without having said anything in its own protocol."""
    call = await _opened(echo)
    await call.done_writing()
    assert await call.code() == grpc.StatusCode.OK
    assert (echo.servicer.inside, echo.servicer.returned) == (0, 1)


async def test_handlers_of_clients_that_vanish_end(echo: Running) -> None:
    """A client that resets its stream has its handler cancelled, wherever that waits."""
    calls = await asyncio.gather(*(_opened(echo) for _ in range(50)))
    assert echo.servicer.inside == 50
    for call in calls:
        call.cancel()
    await until(lambda: echo.servicer.inside == 0)
    assert (echo.servicer.cancelled, echo.servicer.returned) == (50, 0)


async def test_handlers_end_when_the_connection_breaks(echo: Running) -> None:
    """A lost connection ends all of its streams."""
    channel = grpc.aio.insecure_channel(echo.address, (("grpc.use_local_subchannel_pool", 1),))
    chat = stream_of(channel, "Chat")
    for _ in range(10):
        await chat().write(Ping(text="hello"))
    await until(lambda: echo.servicer.inside == 10)
    await channel.close()
    await until(lambda: echo.servicer.inside == 0)


async def test_no_task_is_left_after_unexplained_ends(echo: Running) -> None:
    """Nothing goes on for a client that went without a word."""
    before = len(asyncio.all_tasks())
    for _ in range(20):
        call = await _opened(echo)
        call.cancel()
    await until(lambda: len(asyncio.all_tasks()) <= before)


async def test_a_write_to_a_client_that_never_reads_ends_with_it(echo: Running) -> None:
    """A handler blocked in a write is freed when its client goes."""
    call = echo.stream("Chat")()
    await call.write(Ping(text="flood"))
    await until(lambda: echo.servicer.inside == 1)
    await asyncio.sleep(0.3)  # until the windows are full, so that the write is blocked
    call.cancel()
    await until(lambda: echo.servicer.inside == 0)


@pytest.mark.parametrize("before", [(), ("hello",)], ids=["first", "later"])
async def test_a_write_that_is_given_up_takes_no_status_with_it(echo: Running, before: tuple[str, ...]) -> None:
    """Whoever is written to for too long is told why the stream ends, also when nothing was written before."""
    call = echo.stream("Chat")(timeout=30)
    for text in (*before, "stall"):
        await call.write(Ping(text=text))
    for _ in before:
        await call.read()
    error = await refused(_to_the_end(call))
    assert (error.code, error.reason) == (Code.RESOURCE_EXHAUSTED, "TOO_SLOW")


async def _to_the_end(call: grpc.aio.StreamStreamCall[Ping, Pong]) -> None:
    while await call.read() is not grpc.aio.EOF:
        pass


async def test_a_malformed_message_in_a_stream_is_refused(echo: Running) -> None:
    """The parser's words do not reach the client."""
    chat: grpc.aio.StreamStreamMultiCallable[bytes, Pong]
    chat = echo.channel.stream_stream(path("Chat"), bytes, Pong.FromString)
    call = chat()
    await call.write(b"\xff\xff")
    error = await refused(call.read())
    assert (error.code, error.message) == (
        Code.INVALID_ARGUMENT,
        "the request is not a valid protobuf message of its type",
    )


async def test_a_client_stream_is_answered_once(echo: Running) -> None:
    """A method that collects messages returns its one answer at their end."""
    collect: grpc.aio.StreamUnaryMultiCallable[Ping, Pong]
    collect = echo.channel.stream_unary(path("Collect"), serialize, Pong.FromString)
    assert (await collect(Ping(text=text) for text in "abc")).text == "a,b,c"


async def test_a_server_stream_gets_its_request(echo: Running) -> None:
    """The one request is parsed and checked as that of a unary call."""
    follow: grpc.aio.UnaryStreamMultiCallable[Ping, Pong]
    follow = echo.channel.unary_stream(path("Follow"), serialize, Pong.FromString)
    assert [pong.text async for pong in follow(Ping(text="n"))] == ["n0", "n1", "n2"]
    error = await refused(follow(Ping(text="x" * 11)).read())
    assert error.code == Code.INVALID_ARGUMENT
