"""A proxy between a store and its server that reads along: it can end a process between two of its writes."""

import asyncio
from typing import Final
from urllib.parse import urlsplit

from tests import proxy
from tests.mongo.server import ADDRESS, server_tls

HEADER: Final = 16
"""Bytes of a message before its body, the first four of which say how long it is."""

MESSAGE: Final = 2013
"""The kind of message that carries commands."""

NAME: Final = HEADER + 4 + 1 + 4 + 1
"""Where the name of a command begins: after flags, kind of section, length of the document and type of the field."""

WRITES: Final = {b"insert", b"update", b"delete", b"findAndModify"}
READS: Final = {b"find", b"aggregate"}


class Proxy(proxy.Proxy):
    """`writes_left` is how many write commands get through until the process is dead to the server.

    `silent` swallows all that comes: the server is there and says nothing. `hold(n)` stops the command after the next
    `n` ones until `release` is set, and `held` says that it has.
    """

    def __init__(self) -> None:
        super().__init__(ADDRESS, server_tls())
        self.writes_left: int | None = None
        self.silent = False
        self.writes = 0
        self.reads = 0
        self.held = asyncio.Event()
        self.release = asyncio.Event()
        self._until_hold: int | None = None

    def hold(self, commands: int) -> None:
        """Let so many commands through, and stop the next one."""
        self._until_hold = commands

    def over(self, url: str) -> str:
        """The URL of the same database by way of the proxy, which reads along: there without TLS."""
        return f"mongodb://{self.address}{urlsplit(url).path}"

    @property
    def dead(self) -> bool:
        """Whether no more gets through."""
        return self.writes_left is not None and self.writes_left < 0

    def lets_in(self) -> bool:
        """See the proxy: who is dead to the server does not reach it."""
        return not self.dead

    async def ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """See the proxy; whole messages."""
        while not self.dead:
            await self._pass_on(await _message(reader), writer)

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


async def _message(reader: asyncio.StreamReader) -> bytes:
    length = await reader.readexactly(4)
    return length + await reader.readexactly(int.from_bytes(length, "little") - 4)


def _command(message: bytes) -> bytes:
    """The name of the command that a message carries."""
    if int.from_bytes(message[12:HEADER], "little") != MESSAGE:
        return b""
    return message[NAME : message.index(0, NAME)]
