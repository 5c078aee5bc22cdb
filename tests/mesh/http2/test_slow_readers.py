"""Clients that do not fetch what they asked for."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from mesh.http2 import exchange, framed, frames, headers
from mesh.http2.connection import Connection
from mesh.http2.incoming import Closed
from mesh.http2.listener import Listener
from tests.mesh.echo import until
from tests.mesh.http2 import raw
from tests.mesh.http2.raw import LAST, frame, prefixed
from tests.mesh.http2.served import LIMITS, OK, Sender, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

    from mesh.http2.exchange import Exchange
    from mesh.http2.listener import Serve

WIDE = b"".join(
    (
        raw.PREFACE,
        frame(frames.SETTINGS, 0, 0, b"\0\4\x7f\xff\xff\xff"),
        frame(frames.SETTINGS, frames.ACK, 0),
        frame(frames.WINDOW_UPDATE, 0, 0, b"\x70\0\0\0"),
    )
)
CALL = raw.block(raw.fields("Flood"))
MESSAGE = bytes(60_000)


@asynccontextmanager
async def deaf(serve: Serve) -> AsyncIterator[tuple[socket.socket, Connection]]:
    """Serve, and connect with a socket that nobody reads, whose buffer in the kernel is small and windows are wide."""
    listener = Listener(serve, LIMITS)
    host, _, port = (await listener.listen("127.0.0.1:0")).rpartition(":")
    loop = asyncio.get_running_loop()
    try:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
            client.settimeout(0)
            await loop.sock_connect(client, (host, int(port)))
            await loop.sock_sendall(client, WIDE)
            await until(lambda: len(listener._connections) == 1)
            [one] = listener._connections
            assert isinstance(one, Connection)
            yield client, one
    finally:
        await listener.drain(0)


def held(one: Connection) -> int:
    """Return how many bytes wait for the socket of a client."""
    assert one._transport is not None
    return one._transport.get_write_buffer_size()


class Flood:
    """Sends without an end."""

    def __init__(self) -> None:
        self.sent = 0
        self.inside = 0

    async def serve(self, exchange: Exchange) -> None:
        """Serve one call."""
        self.inside += 1
        try:
            while True:
                if not exchange.send(MESSAGE):
                    await exchange.drained()
                self.sent += len(MESSAGE)
        finally:
            self.inside -= 1


async def test_what_waits_for_a_deaf_client_is_bounded() -> None:
    """Its handlers wait when the buffer is full, however wide its windows are, and go on when it reads."""
    flood = Flood()
    loop = asyncio.get_running_loop()
    async with deaf(flood.serve) as (client, one):
        for stream_id in range(1, 21, 2):
            await loop.sock_sendall(client, frame(frames.HEADERS, LAST, stream_id, CALL))
        await until(lambda: len(one.blocked) == 10)
        before = flood.sent
        assert framed.WRITE_BUFFER <= held(one) <= framed.WRITE_BUFFER + len(MESSAGE)
        read = 0
        while flood.sent < before + 20 * len(MESSAGE):
            read += len(await loop.sock_recv(client, 1_000_000))
            assert held(one) <= framed.WRITE_BUFFER + len(MESSAGE)
        assert read


async def test_a_deaf_client_is_still_heard() -> None:
    """It can reset what it does not want, though no byte can be sent to it: two such ends never wait for each other."""
    flood = Flood()
    loop = asyncio.get_running_loop()
    async with deaf(flood.serve) as (client, one):
        await loop.sock_sendall(client, frame(frames.HEADERS, LAST, 1, CALL))
        await until(lambda: len(one.blocked) == 1)
        await loop.sock_sendall(client, frame(frames.RST_STREAM, 0, 1, frames.CANCEL.to_bytes(4, "big")))
        await until(lambda: flood.inside == 0)
        assert not one.blocked


async def test_a_deaf_client_that_goes_on_asking_is_not_heard_for_ever() -> None:
    """Answers that cannot be sent are bounded: then no more is read, and its own kernel holds it up."""

    async def serve(exchange: Exchange) -> None:
        exchange.finish(headers.trailers(3, "", bytes(headers.MAX_DETAILS_BYTES)))

    loop = asyncio.get_running_loop()

    async def ask(client: socket.socket) -> None:
        for stream_id in range(1, 2**31, 2):
            await loop.sock_sendall(client, frame(frames.HEADERS, LAST, stream_id, CALL))

    async with deaf(serve) as (client, one):
        transport = one._transport
        assert transport is not None
        asking = asyncio.create_task(ask(client))
        await until(lambda: not transport.is_reading())
        asking.cancel()
        assert framed.MOST_WAITING < held(one) < 3 * framed.MOST_WAITING
        async with asyncio.timeout(30):
            while not transport.is_reading():
                await loop.sock_recv(client, 1_000_000)


async def test_the_end_of_a_call_waits_for_its_peer() -> None:
    """The handler is over, what it sent and its status arrive when they are fetched."""
    sender = Sender(100)

    async def serve(exchange: Exchange) -> None:
        exchange.send(sender.message)
        exchange.finish(OK)

    async with serving(serve) as address, raw.greeted(address, INITIAL_WINDOW=10) as peer:
        peer.open(1, end=True)
        await peer.until(frames.DATA, 1)
        await peer.echoed()
        peer.widen(1, 1_000)
        answer = await peer.answer(1)
        assert (answer.data, answer.code) == (prefixed(sender.message)[10:], 0)


async def test_the_end_of_a_call_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has not fetched it in its time is reset, and the memory is free."""
    monkeypatch.setattr(exchange, "LINGER_S", 0.05)

    async def serve(exchange: Exchange) -> None:
        exchange.send(bytes(100))
        exchange.finish(OK)

    async with serving(serve, max_streams=1) as address, raw.greeted(address, INITIAL_WINDOW=10) as peer:
        peer.open(1, end=True)
        assert await peer.reset(1) == frames.CANCEL
        peer.open(3, end=True)
        assert await peer.reset(3) == frames.CANCEL


async def test_a_write_is_over_with_the_time_of_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that still waits to write when the peer's time is over is let out."""
    monkeypatch.setattr(exchange, "LINGER_S", 0.05)
    outcome = list[BaseException]()

    async def write(exchange: Exchange) -> None:
        try:
            await exchange.drained()
        except BaseException as error:  # noqa: BLE001  is looked at below
            outcome.append(error)

    async def serve(one: Exchange) -> None:
        one.send(bytes(100))
        writing.append(asyncio.create_task(write(one)))
        await asyncio.sleep(0)
        one.finish(OK)

    writing = list[asyncio.Task[None]]()
    async with serving(serve) as address, raw.greeted(address, INITIAL_WINDOW=10) as peer:
        peer.open(1, end=True)
        assert await peer.reset(1) == frames.CANCEL
        await asyncio.wait_for(writing[0], 30)
    assert [type(error) for error in outcome] == [Closed]
