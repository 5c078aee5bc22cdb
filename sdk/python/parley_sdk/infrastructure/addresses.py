"""Addresses of a store of files: parts are put there, and bytes fetched, without the mesh in between."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Mapping
from typing import Final

from parley_sdk.errors import Code, ParleyError

_PIECE: Final = 256 * 1024
_OK: Final = 200
_PARTIAL: Final = 206
_SECONDS: Final = 120.0


async def put(url: str, headers: Mapping[str, str], data: bytes) -> None:
    """Put one part. Raises ParleyError, UNAVAILABLE, when it is not taken: get a fresh address."""
    import aiohttp  # noqa: PLC0415  only where there is such a store

    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(_SECONDS)) as session,
            session.put(url, data=io.BytesIO(data), headers=headers, skip_auto_headers=("Content-Type",)) as answer,
        ):
            _check(answer.status)
    except (aiohttp.ClientError, OSError, TimeoutError):
        raise _unreachable() from None


async def get(url: str, offset: int) -> AsyncIterator[bytes]:
    """Fetch from a byte on. Raises ParleyError, UNAVAILABLE, when it breaks off: get a fresh address."""
    import aiohttp  # noqa: PLC0415  as above

    headers = {"Range": f"bytes={offset}-"} if offset else {}
    limits = aiohttp.ClientTimeout(total=None, sock_connect=10.0, sock_read=30.0)
    try:
        async with aiohttp.ClientSession(timeout=limits) as session, session.get(url, headers=headers) as answer:
            _check(answer.status, _PARTIAL if offset else _OK)
            async for piece in answer.content.iter_chunked(_PIECE):
                yield piece
    except (aiohttp.ClientError, OSError, TimeoutError):
        raise _unreachable() from None


def _check(status: int, wanted: int = _OK) -> None:
    if status != wanted:
        raise ParleyError(Code.UNAVAILABLE, "", f"the store of files answers {status}")


def _unreachable() -> ParleyError:
    return ParleyError(Code.UNAVAILABLE, "", "the store of files does not answer")
