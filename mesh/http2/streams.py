"""The RPCs of one connection: opened, found, ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mesh.errors import Code
from mesh.http2 import frames, headers
from mesh.http2.exchange import Exchange
from mesh.http2.frames import ConnectionFault, StreamFault

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from mesh.http2.carrier import Carrier
    from mesh.http2.headers import Field

    Start = Callable[[Exchange], asyncio.Task[None]]

MAX_HEADER_BYTES: Final = 16 * 1024
"""Of what an RPC may say in its headers, counted as the RFC does: above it the RPC is refused."""

_OVERHEAD: Final = 32
"""What each field counts beside its bytes (RFC 9113, 6.5.2)."""

_TOO_LARGE: Final = headers.trailers(Code.RESOURCE_EXHAUSTED, f"headers may take {MAX_HEADER_BYTES} bytes", None)


class Streams:
    """At most `most` at once, and as many that were reset and whose handlers still end.

    The two are counted apart: a peer that has seen a stream end may open the next before the event loop has heard of
    its handler's end.
    """

    __slots__ = ("_carrier", "_ending", "_exchanges", "_most", "_start", "_window", "last")

    def __init__(self, carrier: Carrier, most: int, start: Start) -> None:
        self.last = 0
        """The highest number that the peer has used."""
        self._carrier = carrier
        self._most = most
        self._start = start
        self._exchanges: dict[int, Exchange] = {}
        self._ending = 0
        self._window = frames.DEFAULT_WINDOW

    def __len__(self) -> int:
        return len(self._exchanges)

    @property
    def window(self) -> int:
        """Bytes that the peer takes from a new RPC."""
        return self._window

    def add(self, exchange: Exchange) -> None:
        """Take in an RPC that this end has begun."""
        self.last = exchange.id
        self._exchanges[exchange.id] = exchange

    def after(self, stream_id: int) -> list[Exchange]:
        """Return the RPCs that were begun after this one."""
        return [exchange for id_, exchange in self._exchanges.items() if id_ > stream_id]

    def find(self, stream_id: int) -> Exchange | None:
        """Return an RPC, None when it has ended. Raises ConnectionFault when it never began."""
        exchange = self._exchanges.get(stream_id)
        if exchange is None and (stream_id > self.last or not stream_id % 2):
            raise ConnectionFault(frames.PROTOCOL_ERROR)
        return exchange

    def headers(self, stream_id: int, fields: list[Field], *, end: bool, welcome: bool) -> None:
        """Take a block of headers: those of a new RPC, if they are welcome, or trailers of one that is open."""
        if exchange := self._exchanges.get(stream_id):
            exchange.trailers(fields, end=end)
        elif stream_id <= self.last:
            raise ConnectionFault(frames.STREAM_CLOSED)
        elif not stream_id % 2:
            raise ConnectionFault(frames.PROTOCOL_ERROR)
        else:
            self.last = stream_id
            self._open(stream_id, fields, end=end, welcome=welcome)

    def widen(self, window: int) -> None:
        """The peer takes so much from now on from each stream before it says more."""
        more, self._window = window - self._window, window
        try:
            for exchange in list(self._exchanges.values()) if more else ():
                exchange.widen(more)
        except StreamFault as fault:
            # Of the peer's settings, not of one stream (RFC 9113, 6.9.2).
            raise ConnectionFault(fault.code) from None

    def remove(self, stream_id: int) -> None:
        """Forget an RPC that is over."""
        self._exchanges.pop(stream_id, None)

    def drop(self, stream_id: int) -> bool:
        """Interrupt an RPC that was reset; return whether it was there."""
        exchange = self._exchanges.pop(stream_id, None)
        if exchange is None:
            return False
        exchange.close()
        if exchange.task is not None and not exchange.task.done():
            self._ending += 1
            exchange.task.add_done_callback(self._ended)
        return True

    def close(self) -> None:
        """The connection is lost: free all handlers."""
        exchanges, self._exchanges = self._exchanges, {}
        for exchange in exchanges.values():
            exchange.close()

    def stop(self, trailers: bytes) -> None:
        """End all RPCs with this status, whatever their handlers do."""
        for exchange in list(self._exchanges.values()):
            exchange.stop(trailers)

    def _open(self, stream_id: int, fields: list[Field], *, end: bool, welcome: bool) -> None:
        if not welcome or max(self._ending, len(self._exchanges)) >= self._most:
            raise StreamFault(frames.REFUSED_STREAM)
        exchange = Exchange(self._carrier, stream_id, headers.request(fields), self._window)
        self._exchanges[stream_id] = exchange
        if end:
            exchange.end()
        if exchange.request.refusal:
            exchange.end_with(headers.refusal(exchange.request.refusal))
        elif sum(len(name) + len(value) + _OVERHEAD for name, value in fields) > MAX_HEADER_BYTES:
            exchange.finish(_TOO_LARGE)
        else:
            exchange.task = self._start(exchange)

    def _ended(self, _: object) -> None:
        self._ending -= 1
