"""HTTP to a server that is trusted in nothing: what it sends is bounded before anybody reads it, by httpx2.

No redirect is followed, no proxy of the environment is used, and nothing comes compressed: a few bytes that become many
would be bounded too late.
"""

import ssl
from collections.abc import AsyncIterator
from typing import Final

import httpx2

MAX_EVENT: Final = 256 * 1024
"""Bytes between two line breaks of a stream: a piece of an answer, with all that a server says about it."""

MAX_STREAM: Final = 8 * 1024 * 1024
"""Bytes of a whole stream: twice the longest answer that comes a character at a time."""

MAX_ERROR: Final = 64 * 1024
"""Bytes of what comes with a status that is no success."""

CONNECT_S: Final = 5.0
SILENT_S: Final = 60.0
"""The last bound, for a caller that sets none of its own: nothing was read for so long."""

HTTP_OK, HTTP_FAILURES = 200, 400


class Rubbish(httpx2.TransportError):
    """What came is not what was asked for, or too much of it. Nothing of it is quoted."""


REQUEST_ERRORS: Final = (httpx2.RequestError,)
"""What a call may raise when there is no answer."""


def open_client(trusted: ssl.SSLContext | None, connections: int) -> httpx2.AsyncClient:
    """A client whose streams of server-sent events, and errors, are bounded."""
    limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)
    transport = httpx2.AsyncHTTPTransport(verify=trusted or True, trust_env=False, limits=limits)
    patience = httpx2.Timeout(SILENT_S, connect=CONNECT_S)
    return httpx2.AsyncClient(
        transport=_Bounded(transport),
        timeout=patience,
        follow_redirects=False,
        trust_env=False,
        headers={"Accept-Encoding": "identity"},
    )


class _Bounded(httpx2.AsyncBaseTransport):
    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._inner.handle_async_request(request)
        if problem := _problem(response):
            await response.aclose()
            raise Rubbish(problem)
        assert isinstance(response.stream, httpx2.AsyncByteStream)  # noqa: S101 - what an asynchronous transport gives
        streams = response.status_code == HTTP_OK
        bounded = _Stream(response.stream, MAX_STREAM if streams else MAX_ERROR, MAX_EVENT)
        return httpx2.Response(
            response.status_code, headers=response.headers, stream=bounded, extensions=response.extensions
        )

    async def aclose(self) -> None:
        await self._inner.aclose()


def _problem(response: httpx2.Response) -> str:
    """Why this answer is not read; empty if it is."""
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        return "compressed, though nobody asked for that"
    if response.status_code >= HTTP_FAILURES:
        return ""
    if response.status_code != HTTP_OK:
        return "neither an answer nor an error"
    kind = response.headers.get("content-type", "").lower()
    return "" if kind.startswith("text/event-stream") else "no stream of events"


class _Stream(httpx2.AsyncByteStream):
    """The bytes as they come, until they are too many."""

    def __init__(self, inner: httpx2.AsyncByteStream, most: int, longest: int) -> None:
        self._inner = inner
        self._most = most
        self._longest = longest

    async def __aiter__(self) -> AsyncIterator[bytes]:
        total = line = 0
        async for part in self._inner:
            total += len(part)
            line = _unbroken(line, part)
            if total > self._most or line > self._longest:
                raise Rubbish("too long")
            yield part

    async def aclose(self) -> None:
        await self._inner.aclose()


def _unbroken(before: int, part: bytes) -> int:
    """Bytes since the last end of a line, when `part` comes after so many."""
    broken = max(part.rfind(b"\n"), part.rfind(b"\r"))
    return before + len(part) if broken < 0 else len(part) - broken - 1
