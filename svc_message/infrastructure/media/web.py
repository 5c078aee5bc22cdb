"""`svc_message.domain.media.web` by aiohttp: one request a connection, to an address that was judged before."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Final

from svc_message.domain.media import links
from svc_message.domain.media.links import PORT, Link
from svc_message.domain.media.web import Answer

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.abc import AbstractResolver, ResolveResult

Dial = Callable[[str, int], tuple[str, int]]
"""Where an address that may be fetched is connected to: itself. A test has a server of its own there."""

HEADERS: Final = {"User-Agent": "Parley-Preview/1", "Accept-Encoding": "identity"}
"""Nothing packed: what unpacks to more than was allowed would be found out too late."""

REDIRECT: Final = (301, 302, 303, 307, 308)


def itself(address: str, port: int) -> tuple[str, int]:
    """Connect to the very address."""
    return address, port


class SystemNames:
    """Where names lead, by the resolver of the machine."""

    async def addresses(self, host: str) -> Sequence[str]:
        """See the port."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, PORT, type=socket.SOCK_STREAM)
        except OSError:
            return ()
        return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


class AiohttpWeb:
    """Fetches; certificates are checked by `trust`, which is the machine's list unless it is given."""

    def __init__(self, dial: Dial = itself, trust: ssl.SSLContext | None = None) -> None:
        self._dial = dial
        self._trust = trust or _list_of_the_machine()

    async def get(self, link: Link, address: str, max_bytes: int, accept: str) -> Answer:
        """See the port."""
        import aiohttp  # noqa: PLC0415  a process that fetches no pages loads none of it

        connector = aiohttp.TCPConnector(
            resolver=_fixed(self._dial(address, PORT)), use_dns_cache=False, ssl=self._trust, force_close=True
        )
        try:
            async with (
                aiohttp.ClientSession(
                    connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, headers=HEADERS
                ) as session,
                session.get(link.url, allow_redirects=False, headers={"Accept": accept}) as response,
            ):
                return await _read(response, max_bytes)
        except (aiohttp.ClientError, OSError, ValueError):
            raise links.unreachable("the page does not answer") from None


@cache
def _list_of_the_machine() -> ssl.SSLContext:
    """Read once in a process: it is long."""
    return ssl.create_default_context()


async def _read(response: "aiohttp.ClientResponse", max_bytes: int) -> Answer:
    location = response.headers.get("Location", "") if response.status in REDIRECT else ""
    content_type = response.headers.get("Content-Type", "")
    if location:
        return Answer(response.status, location, content_type, b"")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise links.unreachable("the page comes packed")
    if (response.content_length or 0) > max_bytes:
        raise links.unreachable("the page is too large")
    content = bytearray()
    async for piece in response.content.iter_chunked(64 * 1024):
        content += piece
        if len(content) > max_bytes:
            raise links.unreachable("the page is too large")
    return Answer(response.status, "", content_type, bytes(content))


def _fixed(place: tuple[str, int]) -> "AbstractResolver":
    """A resolver that knows one place: what a name leads to meanwhile does not count."""
    from aiohttp.abc import AbstractResolver  # noqa: PLC0415  as above

    class Fixed(AbstractResolver):
        """Answers the place that was judged."""

        async def resolve(self, host: str, port: int = 0, family: int = 0) -> "list[ResolveResult]":  # noqa: ARG002
            address, at = place
            kind = socket.AF_INET6 if ":" in address else socket.AF_INET
            return [
                {
                    "hostname": host,
                    "host": address,
                    "port": at,
                    "family": kind,
                    "proto": 0,
                    "flags": socket.AI_NUMERICHOST,
                }
            ]

        async def close(self) -> None:
            """Nothing is held."""

    return Fixed()
