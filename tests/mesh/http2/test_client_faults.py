"""What a client does when a server says what no good server says: frames from a script."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable
from typing import Self

import hpack
import pytest

from mesh.errors import Code
from mesh.http2 import frames
from mesh.http2.asking import Failed
from mesh.http2.call import Call
from mesh.http2.client import Client, Dialler
from tests.mesh.echo import until

BEGIN = [(":status", "200"), ("content-type", "application/grpc")]
OK = [("grpc-status", "0")]


def block(stream_id: int, fields: list[tuple[str, str]], *, end: bool = False) -> bytes:
    flags = frames.END_HEADERS | (frames.END_STREAM if end else 0)
    return frames.frame(frames.HEADERS, flags, stream_id, hpack.Encoder().encode(fields))


def data(stream_id: int, message: bytes, flags: int = 0) -> bytes:
    return frames.frame(frames.DATA, flags, stream_id, struct.pack("!BI", 0, len(message)) + message)


class Script:
    """A server that says what it is told to, and keeps what it hears: kind, flags, stream and payload of each frame."""

    def __init__(self, settings: dict[int, int]) -> None:
        self.heard: list[tuple[int, int, int, bytes]] = []
        self.gone = asyncio.Event()
        self.address = ""
        self._settings = settings
        self._server: asyncio.Server | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        await self.gone.wait()
        if self._writer is not None:
            with contextlib.suppress(ConnectionError):
                await self._writer.wait_closed()

    def say(self, *parts: bytes) -> None:
        assert self._writer is not None
        self._writer.write(b"".join(parts))

    def cut(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def of(self, kind: int) -> list[tuple[int, int, bytes]]:
        """Flags, stream and payload of the frames of a kind."""
        return [heard[1:] for heard in self.heard if heard[0] == kind]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        try:
            assert await reader.readexactly(len(frames.PREFACE)) == frames.PREFACE
            self.say(frames.settings(self._settings))
            while True:
                high, low, kind, flags, stream_id = frames.HEAD.unpack(await reader.readexactly(frames.HEAD.size))
                self.heard.append((kind, flags, stream_id, await reader.readexactly(high << 8 | low)))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
        finally:
            self.gone.set()


@pytest.fixture
async def script() -> AsyncIterator[Script]:
    async with Script({}) as made:
        yield made


@pytest.fixture
async def client(script: Script, dialler: Dialler) -> AsyncIterator[Client]:
    made = await dialler.connect(script.address)
    yield made
    made.hang_up()


async def failure(client: Client, script: Script, say: Callable[[int], bytes]) -> Failed:
    """Begin an RPC, have the server say this about it, and return how it ended."""
    call = await client.open("/t/Any")
    script.say(say(call.id))
    with pytest.raises(Failed) as raised:
        await ending(call)
    return raised.value


async def ending(call: Call) -> None:
    """Read to the end."""
    async with asyncio.timeout(10):
        while await call.read() is not None:
            pass


def reset(code: int) -> Callable[[int], bytes]:
    return lambda id_: frames.number(frames.RST_STREAM, id_, code)


@pytest.mark.parametrize(
    "say, code",
    [
        (reset(frames.REFUSED_STREAM), Code.UNAVAILABLE),
        (reset(frames.CANCEL), Code.CANCELLED),
        (reset(frames.ENHANCE_YOUR_CALM), Code.RESOURCE_EXHAUSTED),
        (reset(frames.NO_ERROR), Code.INTERNAL),
        (lambda id_: block(id_, [(":status", "503")], end=True), Code.UNAVAILABLE),
        (lambda id_: block(id_, [(":status", "404"), ("content-type", "text/html")]), Code.UNIMPLEMENTED),
        (lambda id_: block(id_, [(":status", "200"), ("content-type", "text/html")]), Code.UNKNOWN),
        (lambda id_: block(id_, BEGIN) + block(id_, [("x", "y")], end=True), Code.UNKNOWN),
        (lambda id_: block(id_, BEGIN) + block(id_, BEGIN), Code.INTERNAL),
        (lambda id_: block(id_, BEGIN) + data(id_, b"last", frames.END_STREAM), Code.INTERNAL),
        (lambda id_: block(id_, BEGIN) + data(id_, b"half")[:-2], Code.UNAVAILABLE),
        (
            lambda id_: (
                block(id_, BEGIN) + frames.frame(frames.DATA, 0, id_, b"\0\0\0\0\5ab") + block(id_, OK, end=True)
            ),
            Code.INTERNAL,
        ),
        (lambda id_: block(id_, BEGIN) + frames.frame(frames.DATA, 0, id_, b"\1\0\0\0\2ab"), Code.INTERNAL),
        (lambda _: frames.frame(frames.PUSH_PROMISE, 0, 1, bytes(4)), Code.UNAVAILABLE),
        (lambda id_: block(id_ + 2, BEGIN), Code.UNAVAILABLE),
        (lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n", Code.UNAVAILABLE),
        (lambda id_: frames.number(frames.WINDOW_UPDATE, id_, 0), Code.INTERNAL),
        (lambda _: frames.number(frames.WINDOW_UPDATE, 0, 0), Code.UNAVAILABLE),
    ],
)
async def test_each_end_has_a_code(client: Client, script: Script, say: Callable[[int], bytes], code: Code) -> None:
    """An RPC that does not end as gRPC says fails with the code that gRPC has for it, and never hangs."""

    def said(id_: int) -> bytes:
        # What is cut short is told by the end of the connection.
        if code is Code.UNAVAILABLE:
            asyncio.get_running_loop().call_later(0.1, script.cut)
        return say(id_)

    assert (await failure(client, script, said)).code == code


async def test_what_a_server_did_not_begin_may_be_tried_elsewhere(client: Client, script: Script) -> None:
    """GOAWAY fails the RPCs that the server did not begin; the others go on to their end, and then all ends."""
    before, behind = await client.open("/t/Any"), await client.open("/t/Any")
    script.say(frames.goaway(before.id, frames.NO_ERROR))
    with pytest.raises(Failed) as raised:
        await behind.read()
    assert raised.value.code == Code.UNAVAILABLE
    with pytest.raises(Failed):
        await client.open("/t/Any")

    script.say(block(before.id, BEGIN), data(before.id, b"still here"), block(before.id, OK, end=True))
    assert [await before.read(), await before.read()] == [b"still here", None]
    async with asyncio.timeout(10):
        await script.gone.wait()


async def test_small_windows_are_kept_to(dialler: Dialler) -> None:
    """A client sends no byte more than the server takes, of a stream and of the connection, and goes on when it may."""
    async with Script({frames.INITIAL_WINDOW: 10}) as script:
        client = await dialler.connect(script.address)
        call = await client.open("/t/Any")
        assert not call.send(b"0123456789abcdef")
        call.done()
        await until(lambda: bool(script.of(frames.DATA)))
        assert [len(payload) for _, _, payload in script.of(frames.DATA)] == [10]

        script.say(frames.number(frames.WINDOW_UPDATE, call.id, 4))
        await until(lambda: len(script.of(frames.DATA)) == 2)
        script.say(frames.settings({frames.INITIAL_WINDOW: 100}))
        await until(lambda: script.of(frames.DATA)[-1][0] == frames.END_STREAM)
        assert b"".join(payload for _, _, payload in script.of(frames.DATA))[5:] == b"0123456789abcdef"
        client.hang_up()


async def test_a_ping_is_answered(client: Client, script: Script) -> None:
    """Whoever asks whether this end lives is told, hundreds of times if it likes."""
    assert not client.closed
    for number in range(300):
        script.say(frames.frame(frames.PING, 0, 0, struct.pack("!Q", number)))
    await until(lambda: len(script.of(frames.PING)) == 300)
    assert {flags for flags, _, _ in script.of(frames.PING)} == {frames.ACK}


async def test_what_comes_for_a_cancelled_rpc_is_passed_over(client: Client, script: Script) -> None:
    """Messages that were on their way when an RPC was cancelled end nothing, and are not answered."""
    call, other = await client.open("/t/Any"), await client.open("/t/Any")
    call.cancel()
    await until(lambda: bool(script.of(frames.RST_STREAM)))
    script.say(block(call.id, BEGIN), *(data(call.id, b"late") for _ in range(10)), block(call.id, OK, end=True))
    script.say(block(other.id, BEGIN), data(other.id, b"in time"))
    assert await other.read() == b"in time"
    assert len(script.of(frames.RST_STREAM)) == 1


async def test_a_window_that_was_read_is_given_back(client: Client, script: Script) -> None:
    """A server may send without an end to one who reads: its windows are filled again."""
    call, heard = await client.open("/t/Any"), 0

    def take(message: bytes) -> None:
        nonlocal heard
        heard += len(message)

    listening = asyncio.create_task(call.each(take))
    script.say(block(call.id, BEGIN), data(call.id, bytes(10_000)))
    await until(lambda: heard == 10_000)
    for _ in range(99):
        script.say(data(call.id, bytes(10_000)))
    await until(lambda: heard == 1_000_000)
    given = sum(int.from_bytes(payload, "big") for _, id_, payload in script.of(frames.WINDOW_UPDATE) if id_ == call.id)
    assert given > 1_000_000 - 2 * 131_072
    script.say(block(call.id, OK, end=True))
    await listening


async def test_more_than_the_window_is_a_fault(client: Client, script: Script) -> None:
    """A server that sends more than this end takes loses the RPC."""
    call = await client.open("/t/Any")
    script.say(block(call.id, BEGIN), *(data(call.id, bytes(16_000)) for _ in range(17)))
    await until(lambda: bool(script.of(frames.RST_STREAM)))
    with pytest.raises(Failed) as raised:
        await ending(call)
    assert raised.value.code == Code.INTERNAL


async def test_a_server_that_does_not_greet_is_waited_for_as_long_as_one_likes(dialler: Dialler) -> None:
    """Connecting takes as long as its caller has patience, and leaves no connection behind."""
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await dialler.connect(f"127.0.0.1:{silent.getsockname()[1]}")


async def test_a_dead_server_is_noticed() -> None:
    """With keepalive, a server that says nothing is asked whether it lives, and is left when it does not answer."""
    dialler = Dialler(keepalive_s=0.2)
    async with Script({}) as script:
        client = await dialler.connect(script.address)
        call = await client.open("/t/Any")
        with pytest.raises(Failed) as raised:
            async with asyncio.timeout(30):
                await call.read()
        assert raised.value.code == Code.UNAVAILABLE
        assert [flags for flags, _, _ in script.of(frames.PING)] == [0]
    await dialler.close()
