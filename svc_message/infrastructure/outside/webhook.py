"""Signed POSTs to programs of the installation, by aiohttp.

`Parley-Signature: t=<Unix seconds>,v1=<hex of HMAC-SHA-256(secret, "<t>.<body>")>`. The time is part of what is signed,
so that a receiver can refuse what somebody recorded and plays again.
"""

import asyncio
import hashlib
import hmac
import ssl
from collections.abc import AsyncIterator
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from mesh.clock import Clock
from mesh.settings import Secret, SettingError
from svc_message.domain.outside.program import Away, Refused

if TYPE_CHECKING:
    import aiohttp

SIGNATURE: Final = "Parley-Signature"

NOT_THIS: Final = frozenset({400, 406, 409, 413, 415, 422, 500, 501})
"""Answers about what was sent. All others but 2xx are about the receiver: it is away, moved, or does not know us."""

OK: Final = range(200, 300)


class Webhook:
    """One URL with its secret. No redirect is followed, no proxy of the environment is used, no answer is read."""

    def __init__(
        self,
        session: "aiohttp.ClientSession",
        url: str,
        secret: Secret,
        clock: Clock,
        deadline_s: float,
        refusals: AbstractSet[int] = NOT_THIS,
    ) -> None:
        self._session = session
        self._url = url
        self._secret = secret
        self._clock = clock
        self._deadline_s = deadline_s
        self._refusals = refusals

    async def post(self, body: bytes) -> None:
        """Post JSON. Raises Refused when the receiver does not take this body, Away in every other case."""
        import aiohttp  # noqa: PLC0415  loaded where it is used

        try:
            async with asyncio.timeout(self._deadline_s), self._posting(body) as answer:
                status, retry_after = answer.status, _seconds(answer.headers.get("Retry-After", ""))
        except TimeoutError:
            raise Away("TIMEOUT") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Away(type(error).__name__) from None
        if status in self._refusals:
            raise Refused(f"HTTP_{status}")
        if status not in OK:
            raise Away(f"HTTP_{status}", retry_after)

    def _posting(self, body: bytes) -> "aiohttp.client._RequestContextManager":
        headers = {
            "Content-Type": "application/json",
            SIGNATURE: signature(self._secret, self._clock.now_ms() // 1_000, body),
        }
        return self._session.post(self._url, data=body, headers=headers, allow_redirects=False)


def signature(secret: Secret, seconds: int, body: bytes) -> str:
    """The header's value for a body that is sent at this time."""
    digest = hmac.new(secret.reveal().encode(), b"%d." % seconds + body, hashlib.sha256)
    return f"t={seconds},v1={digest.hexdigest()}"


class Webhooks:
    """Webhooks that share a pool of connections."""

    def __init__(self, session: "aiohttp.ClientSession", clock: Clock) -> None:
        self._session = session
        self._clock = clock

    def to(self, url: str, secret: Secret, deadline_s: float, refusals: AbstractSet[int] = NOT_THIS) -> Webhook:
        """The webhook at a URL; with one of the statuses of `refusals` it refuses what it was sent."""
        return Webhook(self._session, url, secret, self._clock, deadline_s, refusals)


@asynccontextmanager
async def open_webhooks(authority: str, clock: Clock) -> AsyncIterator[Webhooks]:
    """A pool of connections. `authority` is the file of a certificate authority; empty trusts those of the system.

    Raises SettingError when that file cannot be used.
    """
    import aiohttp  # noqa: PLC0415  loaded where it is used

    try:
        trusted = ssl.create_default_context(cafile=authority or None)
    except (OSError, ssl.SSLError):
        raise SettingError("MESSAGE_OUTSIDE_AUTHORITY: cannot be read") from None
    connector = aiohttp.TCPConnector(ssl=trusted, limit=100, limit_per_host=50)
    cookies = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(connector=connector, cookie_jar=cookies, trust_env=False) as session:
        yield Webhooks(session, clock)


def _seconds(retry_after: str) -> float:
    return float(retry_after) if retry_after.isdecimal() else 0.0
