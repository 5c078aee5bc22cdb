"""Connections to servers, and the RPCs that are begun on them."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from math import inf
from typing import TYPE_CHECKING, Final, cast

from mesh.errors import Code
from mesh.http2 import asking, frames, headers
from mesh.http2.asking import Failed, NotBegun
from mesh.http2.call import Call
from mesh.http2.connection import Connection
from mesh.http2.connections import Connections
from mesh.http2.frames import ConnectionFault
from mesh.http2.headers import Request
from mesh.http2.incoming import STREAM_WINDOW, Closed
from mesh.http2.owner import Limits, Peer
from mesh.http2.streams import MAX_HEADER_BYTES

if TYPE_CHECKING:
    from mesh.http2.headers import Field, Metadata

UNLIMITED: Final = 2**31
"""RPCs of a connection whose server names no limit."""

CLIENT_WINDOW: Final = 16 * 1024 * 1024
"""Bytes on their way to all RPCs of a connection: a hundred streams may share it, each with a window of its own."""

CLOSING_S: Final = 2.0
"""How long connections may take to say their last words."""

_SETTINGS: Final = {
    frames.ENABLE_PUSH: 0,
    frames.INITIAL_WINDOW: STREAM_WINDOW,
    frames.MAX_HEADER_LIST: MAX_HEADER_BYTES,
}


class Client(Connection):
    """A connection to one server."""

    __slots__ = ("_authority", "_most", "_turns")

    def __init__(self, dialler: Dialler, authority: str) -> None:
        super().__init__(dialler, preface=b"")
        self._authority = authority
        # How long a server may take to greet is for whoever connects to say.
        self._vigil.greeted()
        self._most = -1  # until it has greeted
        self._turns: deque[asyncio.Future[None]] = deque()

    @property
    def closed(self) -> bool:
        """Whether no RPC can be begun any more: the server goes, the connection is lost, or has no number left."""
        return self._closed or self._gone or self._streams.last >= frames.STREAM_BITS - 1

    @property
    def full(self) -> bool:
        """Whether the server takes no more RPCs until others are over."""
        return len(self._streams) >= self._most

    async def ready(self) -> None:
        """Wait until the server has greeted and takes one more RPC. Raises NotBegun when it goes."""
        while not self.closed and self.full:
            turn = asyncio.get_running_loop().create_future()
            self._turns.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._next_turn()
                raise
        if self.closed:
            raise NotBegun("the connection is closed")

    async def open(self, path: str, metadata: Metadata = (), seconds: float | None = None) -> Call:
        """Begin an RPC that may last for so long, when the server takes one more. Raises NotBegun when it goes."""
        await self.ready()
        stream_id = self._streams.last + 2 if self._streams.last else 1
        request = Request(path, metadata, seconds, "identity", None)
        call = Call(self, stream_id, request, self._streams.window)
        self._streams.add(call)
        self._begin(stream_id, headers.asked(path, self._authority, metadata, seconds))
        return call

    async def unary(self, path: str, message: bytes, metadata: Metadata = (), seconds: float | None = None) -> bytes:
        """Send one message and return the one that answers it. Raises Failed."""
        call = await self.open(path, metadata, seconds)
        try:
            with contextlib.suppress(Closed):  # the status says why
                call.send(message)
            call.done()
            answer = await call.read()
            if answer is None or await call.read() is not None:
                raise Failed(Code.INTERNAL, "the server did not answer with one message")
        finally:
            call.cancel()
        return answer

    def leave(self) -> None:
        """Begin no more RPCs, and hang up when those under way are over."""
        self._closed = True
        self._all_turns()
        self._leave_when_done()

    def hang_up(self) -> None:
        """Close the connection; its RPCs end."""
        if not self._gone:
            self._fail(frames.NO_ERROR)

    # What the socket says.

    def _greet(self) -> None:
        more = frames.number(frames.WINDOW_UPDATE, 0, CLIENT_WINDOW - frames.DEFAULT_WINDOW)
        self.write(frames.PREFACE + frames.settings(_SETTINGS) + more)

    def connection_lost(self, exc: Exception | None) -> None:
        """End all RPCs."""
        super().connection_lost(exc)
        self._all_turns()

    # What frames say.

    def _begun(self, stream_id: int, complete: tuple[list[Field], bool] | None) -> None:
        if complete is not None and (call := self._streams.find(stream_id)):
            fields, end = complete
            cast(Call, call).answered(fields, end=end)

    def _rst_stream(self, _: int, stream_id: int, payload: bytes) -> None:
        if call := self._streams.find(stream_id):
            cast(Call, call).fail(asking.reset(int.from_bytes(payload, "big")))
            self.ended(stream_id)

    def _told(self, said: dict[int, int]) -> None:
        super()._told(said)
        self._most = said.get(frames.MAX_STREAMS, UNLIMITED if self._most < 0 else self._most)
        self._all_turns()

    def _goaway(self, _: int, __: int, payload: bytes) -> None:
        """Begin no more; what the server has not begun ends, and may be tried elsewhere."""
        self._closed = True
        for call in self._streams.after(int.from_bytes(payload[:4], "big") & frames.STREAM_BITS):
            cast(Call, call).fail(NotBegun("the server goes and did not begin the call"))
            self._streams.remove(call.id)
        self._all_turns()
        self._leave_when_done()

    def _chatter(self) -> None:
        """Bear it: the server was chosen by this end."""

    # What RPCs do.

    def reset(self, stream_id: int, code: int) -> None:
        """End an RPC that is not over, and let the server know."""
        if call := self._streams.find(stream_id):
            self._streams.remove(stream_id)
            cast(Call, call).fail(Failed(Code.INTERNAL, "the server broke the protocol"))
            self.write(frames.number(frames.RST_STREAM, stream_id, code))
            self._leave_when_done()

    def _begin(self, stream_id: int, block: bytes) -> None:
        """Write the block that begins an RPC, in several frames when it is large."""
        size = frames.SMALLEST_MAX_FRAME
        kind, pieces = frames.HEADERS, [block[at : at + size] for at in range(0, len(block), size)]
        for index, piece in enumerate(pieces, 1):
            self.write(frames.frame(kind, frames.END_HEADERS if index == len(pieces) else 0, stream_id, piece))
            kind = frames.CONTINUATION

    def _leave_when_done(self) -> None:
        super()._leave_when_done()
        self._next_turn()

    def _next_turn(self) -> None:
        """Let one go on who waits to begin."""
        while self._turns:
            turn = self._turns.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def _all_turns(self) -> None:
        for _ in range(len(self._turns)):
            self._next_turn()


class Dialler:
    """Connects. `max_message`: bytes that this end takes.

    With `keepalive_s` a server that says nothing for so long is asked whether it lives, and left when it does not
    answer for a third of that. Servers of others end a connection for asking, unless they are told to allow it.
    """

    def __init__(self, max_message: int = 4 * 1024 * 1024, *, keepalive_s: float = 0.0) -> None:
        ping_s, answer_s = keepalive_s or inf, keepalive_s / 3
        self.limits = Limits(max_message, max_connections=0, max_streams=0, age_s=0, ping_s=ping_s, answer_s=answer_s)
        self._connections = Connections()
        self._closed = False

    async def connect(self, address: str) -> Client:
        """Connect to `host:port` or `unix:path`, and wait for the greeting. Raises OSError and Failed."""
        loop = asyncio.get_running_loop()
        if address.startswith("unix:"):
            path = address.removeprefix("unix:")
            _, client = await loop.create_unix_connection(lambda: Client(self, "localhost"), path)
        else:
            host, _, port = address.rpartition(":")
            _, client = await loop.create_connection(lambda: Client(self, address), host.strip("[]"), int(port))
        try:
            await client.ready()
        except BaseException:
            client.abort()
            raise
        return client

    async def close(self) -> None:
        """Close all connections, and let none be opened any more."""
        self._closed = True
        for connection in self._connections:
            cast(Client, connection).hang_up()
        await self._connections.gone(CLOSING_S)
        for connection in self._connections:
            connection.abort()

    # What connections ask.

    def age(self) -> float:
        """They stay for as long as they are wanted."""
        return inf

    def entered(self, connection: Peer, look: float) -> bool:
        """Look after a new connection; one that comes after the end is hung up."""
        if not self._closed:
            self._connections.add(connection, look)
        return not self._closed

    def left(self, connection: Peer) -> None:
        """Forget a connection."""
        self._connections.discard(connection)

    def start(self, _: object) -> asyncio.Task[None]:
        """Who was called does not call."""
        raise ConnectionFault(frames.PROTOCOL_ERROR)
