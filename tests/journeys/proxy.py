"""A TCP proxy that does what networks do: cut, hold back, lose what was on its way."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

_CHUNK: Final = 65_536


class Proxy:
    """Between devices and a mesh. `answers_lost` swallows what the mesh says; `delay` holds it back, in seconds."""

    def __init__(self, target: str) -> None:
        self.answers_lost = False
        self.delay = 0.0
        self.address = ""
        self.connections = 0
        self._target = target
        self._server: asyncio.Server | None = None
        self._ways: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        self.address = f"{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        await self.cut()

    async def cut(self) -> None:
        """Break every connection that there is; new ones are let through."""
        ways = tuple(self._ways)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        host, _, port = self._target.rpartition(":")
        try:
            there, back = await asyncio.open_connection(host, int(port))
        except OSError:
            writer.close()
            return
        for way in (self._pass(reader, back, answers=False), self._pass(there, writer, answers=True)):
            task = asyncio.create_task(way)
            self._ways.add(task)
            task.add_done_callback(self._ways.discard)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool) -> None:
        try:
            with suppress(OSError):
                while data := await reader.read(_CHUNK):
                    await self._pass_on(data, writer, answers=answers)
        finally:
            # Aborted, not closed: a network that breaks says no good-bye.
            writer.transport.abort()

    async def _pass_on(self, data: bytes, writer: asyncio.StreamWriter, *, answers: bool) -> None:
        if answers and self.delay:
            await asyncio.sleep(self.delay)
        if not (answers and self.answers_lost):
            writer.write(data)
            await writer.drain()
