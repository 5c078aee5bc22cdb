"""Reads lists page by page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

Item = TypeVar("Item")

PAGE: Final = 200


async def gather(page: Callable[[str], Awaitable[tuple[Sequence[Item], str]]], limit: int) -> list[Item]:
    """Return up to `limit` items; `page` answers the items of a page token and the token of the next page."""
    items: list[Item] = []
    token = ""
    while len(items) < limit:
        more, token = await page(token)
        items += more
        if not token:
            break
    return items[:limit]
