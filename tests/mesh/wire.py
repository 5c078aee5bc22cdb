"""A client that speaks raw HTTP/2, for what no gRPC client would send."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events
import h2.exceptions


@dataclass
class Answer:
    """What came back on one stream: headers and trailers together, and the data."""

    headers: dict[str, str] = field(default_factory=dict)
    data: bytes = b""
    ended: bool = False
    reset: bool = False

    @property
    def code(self) -> int | None:
        """The gRPC status, None when there was none."""
        status = self.headers.get("grpc-status")
        return None if status is None else int(status)


def frame(message: bytes) -> bytes:
    """Return a message as gRPC frames it."""
    return struct.pack(">BI", 0, len(message)) + message


async def call(
    address: str,
    path: str,
    body: bytes,
    *headers: tuple[str, str],
    end: bool = True,
    seconds: float = 30.0,
    content_type: str = "application/grpc",
) -> Answer:
    """Make one call with exactly this path, body and further headers."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    config = h2.config.H2Configuration(
        validate_outbound_headers=False, normalize_outbound_headers=False, header_encoding="utf-8"
    )
    connection = h2.connection.H2Connection(config)
    connection.initiate_connection()
    try:
        async with asyncio.timeout(seconds):
            await _agree(connection, reader, writer)
            connection.send_headers(1, [*_required(path, content_type), *headers])
            connection.send_data(1, body, end_stream=end)
            writer.write(connection.data_to_send())
            return await _answer(connection, reader, writer)
    finally:
        await _close(writer)


async def silence(address: str, first: bytes) -> float:
    """Connect, send these bytes and nothing more; return after how many seconds the server hung up."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    started = asyncio.get_running_loop().time()
    try:
        writer.write(first)
        while await reader.read(65_536):
            pass
        return asyncio.get_running_loop().time() - started
    finally:
        await _close(writer)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def _agree(
    connection: h2.connection.H2Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    # The server holds a client to its limits only once the client has acknowledged them.
    agreed = False
    while not agreed:
        writer.write(connection.data_to_send())
        events = connection.receive_data(await reader.read(65_536))
        agreed = any(isinstance(event, h2.events.SettingsAcknowledged) for event in events)
    writer.write(connection.data_to_send())


def _required(path: str, content_type: str) -> list[tuple[str, str]]:
    return [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "localhost"),
        ("content-type", content_type),
        ("te", "trailers"),
    ]


async def _answer(
    connection: h2.connection.H2Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Answer:
    answer = Answer()
    while not (answer.ended or answer.reset):
        data = await reader.read(65_536)
        if not data:
            answer.reset = True
            break
        for event in connection.receive_data(data):
            _take(answer, event)
        writer.write(connection.data_to_send())
    return answer


def _take(answer: Answer, event: h2.events.Event) -> None:
    if isinstance(event, h2.events.ResponseReceived | h2.events.TrailersReceived):
        answer.headers.update((str(name), str(value)) for name, value in event.headers or ())
    elif isinstance(event, h2.events.DataReceived):
        answer.data += event.data or b""
    elif isinstance(event, h2.events.StreamEnded):
        answer.ended = True
    elif isinstance(event, h2.events.StreamReset | h2.events.ConnectionTerminated):
        answer.reset = True
