"""Why Pulsar does not let us in. Its driver calls a certificate that is not trusted ConnectError, and a token that is
refused Timeout, so whoever operates the mesh would look for the trouble in the network.
"""

import asyncio
import ssl
import struct
from typing import Final
from urllib.parse import urlsplit

import structlog

from mesh.trouble import cause

ANSWER_S: Final = 2.0
"""How long the answer may take. No answer says nothing: then the broker is away, as the driver says."""

REFUSED: Final = "our token is refused, or we show none"
PORTS: Final = {"pulsar": 6650, "pulsar+ssl": 6651}
VERSION: Final = 20
"""Of the protocol: one that brokers have spoken for years."""

CONNECT: Final = 2
ERROR: Final = 14
"""Kinds of commands, each of which is also the number of its field."""

LEAST: Final = 2
MOST: Final = 65_536
"""Bytes of an answer; others we do not understand."""

KIND: Final = 1 << 3
"""What a command begins with: field 1, a number. It is below 128, so it is one byte."""


class Probe:
    """Asks the first broker of a URL as the driver would, and logs what an operator must mend: each finding once."""

    def __init__(self, service_url: str, ca_file: str, token: str) -> None:
        self._service_url = service_url
        self._ca_file = ca_file
        self._token = token
        self._told = ""
        self._asks = False

    async def tell(self) -> None:
        """Look, unless somebody does so already."""
        if self._asks:
            return
        self._asks = True
        try:
            why = await self.why()
        finally:
            self._asks = False
        if why and why != self._told:
            structlog.get_logger().warning("broker_refused", why=why)
        self._told = why

    async def why(self) -> str:
        """What is wrong with certificates or the token; empty when nothing is, or nobody answers."""
        try:
            async with asyncio.timeout(ANSWER_S):
                kind = await _asked(self._service_url, self._ca_file, self._token)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
            return cause(error)
        return REFUSED if kind == ERROR else ""


async def _asked(service_url: str, ca_file: str, token: str) -> int:
    """Open a connection as the driver does; return the kind of the answer."""
    parts = urlsplit(service_url.partition(",")[0])
    trust = ssl.create_default_context(cafile=ca_file or None) if parts.scheme == "pulsar+ssl" else None
    port = parts.port or PORTS[parts.scheme]
    reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=trust)
    try:
        writer.write(_hello(token))
        length, command = struct.unpack(">II", await reader.readexactly(8))
        if not LEAST <= command < length <= MOST:
            return 0
        tag, kind = await reader.readexactly(2)
        return kind if tag == KIND else 0
    finally:
        writer.transport.abort()


def _hello(token: str) -> bytes:
    shown = _field(5, b"token") + _field(3, token.encode()) if token else b""
    connect = _field(1, b"parley") + shown + bytes([4 << 3, VERSION])
    command = bytes([1 << 3, CONNECT]) + _field(CONNECT, connect)
    return struct.pack(">II", len(command) + 4, len(command)) + command


def _field(number: int, value: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _length(len(value)) + value


def _length(size: int) -> bytes:
    digits = bytearray()
    while size > 127:  # noqa: PLR2004 - seven bits a byte
        digits.append(size & 127 | 128)
        size >>= 7
    return bytes([*digits, size])
