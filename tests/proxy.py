"""A TCP proxy that does what networks do: cut, hold back, lose what was on its way."""

import asyncio
import ssl
from functools import partial
from types import TracebackType
from typing import Final, Self

_CHUNK: Final = 65_536


class Proxy:
    """Between those who ask and a server at `target`, host:port. Left and entered again it has the same address.

    `answers_lost` swallows what the server says, `asked_lost` what it is asked; `delay` holds answers back, in seconds.
    With `tls` it speaks TLS to the server, and plainly to those who ask.
    """

    def __init__(self, target: str, tls: ssl.SSLContext | None = None) -> None:
        self.answers_lost = False
        self.asked_lost = False
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

    def holds(self) -> None:
        """Swallow all that both sides say from now on, and acknowledge it: a line of which nobody knows it is dead."""
        self.asked_lost = self.answers_lost = True

    def lets_in(self) -> bool:
        """Whether a connection may come."""
        return True

    async def ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what is asked, until there is no more."""
        while data := await reader.read(_CHUNK):
            if not self.asked_lost:
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
            task = asyncio.create_task(way)
            self._ways.add(task)
            task.add_done_callback(partial(self._broken, end))

    def _broken(self, end: asyncio.StreamWriter, way: asyncio.Task[None]) -> None:
        """Also of a way that was cut before its first step."""
        self._ways.discard(way)
        # Aborted, not closed: a network that breaks says no good-bye.
        end.transport.abort()
        if not way.cancelled() and not isinstance(way.exception(), OSError | asyncio.IncompleteReadError | None):
            way.result()
