"""A TCP proxy that does what networks do: cut, hold back, lose what was on its way."""

import asyncio
import ssl
from collections.abc import Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

_CHUNK: Final = 65_536


class Proxy:
    """Between those who ask and a server at `target`, host:port. Left and entered again it has the same address.

    `answers_lost` swallows what the server says; `delay` holds it back, in seconds. With `tls` it speaks TLS to the
    server, and plainly to those who ask.
    """

    def __init__(self, target: str, tls: ssl.SSLContext | None = None) -> None:
        self.answers_lost = False
        self.delay = 0.0
        self.address = ""
        self.connections = 0
        self._target = target
        self._tls = tls
        self._port = 0
        self._server: asyncio.Server | None = None
        self._ways: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)
        host, self._port = self._server.sockets[0].getsockname()
        self.address = f"{host}:{self._port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Break every connection and let nobody in any more."""
        if self._server is not None:
            self._server.close()
        await self.cut()

    async def cut(self) -> None:
        """Break every connection that there is; new ones are let through."""
        ways = tuple(self._ways)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)

    def lets_in(self) -> bool:
        """Whether a connection may come."""
        return True

    async def ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what is asked, until there is no more."""
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what the server says, until there is no more."""
        while data := await reader.read(_CHUNK):
            if self.delay:
                await asyncio.sleep(self.delay)
            if not self.answers_lost:
                writer.write(data)
                await writer.drain()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.lets_in():
            writer.transport.abort()
            return
        self.connections += 1
        host, _, port = self._target.rpartition(":")
        try:
            there, back = await asyncio.open_connection(host, int(port), ssl=self._tls)
        except OSError:
            writer.close()
            return
        for way, end in ((self.ask(reader, back), back), (self.answer(there, writer), writer)):
            task = asyncio.create_task(_until_broken(way, end))
            self._ways.add(task)
            task.add_done_callback(self._ways.discard)


async def _until_broken(way: Coroutine[None, None, None], end: asyncio.StreamWriter) -> None:
    try:
        with suppress(OSError, asyncio.IncompleteReadError):
            await way
    finally:
        # Aborted, not closed: a network that breaks says no good-bye.
        end.transport.abort()
