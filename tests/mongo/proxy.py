"""A proxy between a store and its server that reads along: it can end a process between two of its writes."""

import asyncio
from contextlib import suppress
from typing import Final, Self

from tests.mongo.server import SERVER

HEADER: Final = 16
"""Bytes of a message before its body, the first four of which say how long it is."""

MESSAGE: Final = 2013
"""The kind of message that carries commands."""

NAME: Final = HEADER + 4 + 1 + 4 + 1
"""Where the name of a command begins: after flags, kind of section, length of the document and type of the field."""

WRITES: Final = {b"insert", b"update", b"delete", b"findAndModify"}
READS: Final = {b"find", b"aggregate"}


class Proxy:
    """`writes_left` is how many write commands get through until the process is dead to the server.

    `silent` swallows all that comes: the server is there and says nothing. `hold(n)` stops the command after the next
    `n` ones until `release` is set, and `held` says that it has.
    """

    def __init__(self) -> None:
        self.writes_left: int | None = None
        self.silent = False
        self.writes = 0
        self.reads = 0
        self.held = asyncio.Event()
        self.release = asyncio.Event()
        self._until_hold: int | None = None
        self._port = 0
        self._server: asyncio.Server | None = None
        self._ways: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        await self.cut()

    async def cut(self) -> None:
        """Break every connection that there is."""
        ways = tuple(self._ways)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)

    def hold(self, commands: int) -> None:
        """Let so many commands through, and stop the next one."""
        self._until_hold = commands

    def over(self, url: str) -> str:
        """The URL of the same database by way of the proxy."""
        return url.replace(SERVER, f"mongodb://127.0.0.1:{self._port}")

    @property
    def dead(self) -> bool:
        """Whether no more gets through."""
        return self.writes_left is not None and self.writes_left < 0

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.dead:
            writer.transport.abort()
            return
        host, _, port = SERVER.removeprefix("mongodb://").rpartition(":")
        there, back = await asyncio.open_connection(host, int(port))
        for way in (self._ask(reader, back), self._answer(there, writer)):
            task = asyncio.create_task(way)
            self._ways.add(task)
            task.add_done_callback(self._ways.discard)

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                while not self.dead:
                    await self._pass_on(await _message(reader), writer)
        finally:
            writer.transport.abort()

    async def _pass_on(self, message: bytes, writer: asyncio.StreamWriter) -> None:
        command = _command(message)
        if self._until_hold is not None and command in WRITES | READS:
            await self._hold()
        self.reads += command in READS
        if command in WRITES:
            self.writes += 1
            if self.writes_left is not None:
                self.writes_left -= 1
        if not self.dead and not self.silent:
            writer.write(message)
            await writer.drain()

    async def _hold(self) -> None:
        if self._until_hold == 0:
            self._until_hold = None
            self.held.set()
            await self.release.wait()
        elif self._until_hold is not None:
            self._until_hold -= 1

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError):
                while data := await reader.read(65_536):
                    writer.write(data)
                    await writer.drain()
        finally:
            writer.transport.abort()


async def _message(reader: asyncio.StreamReader) -> bytes:
    length = await reader.readexactly(4)
    return length + await reader.readexactly(int.from_bytes(length, "little") - 4)


def _command(message: bytes) -> bytes:
    """The name of the command that a message carries."""
    if int.from_bytes(message[12:HEADER], "little") != MESSAGE:
        return b""
    return message[NAME : message.index(0, NAME)]
