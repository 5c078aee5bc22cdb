"""Reads lists page by page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

Item = TypeVar("Item")

PAGE: Final = 200


class Listed(list[Item]):
    """The first items of a list. `more`: there are others behind them."""

    more = False


def more_behind(found: Sequence[object]) -> bool:
    """Whether a list that was read ends because so many were asked for, and not because there is no more."""
    return isinstance(found, Listed) and found.more


async def gather(page: Callable[[str], Awaitable[tuple[Sequence[Item], str]]], limit: int) -> Listed[Item]:
    """Return up to `limit` items; `page` answers the items of a page token and the token of the next page."""
    items: list[Item] = []
    token = ""
    while len(items) < limit:
        more, token = await page(token)
        items += more
        if not token:
            break
    listed = Listed(items[:limit])
    listed.more = bool(token) or len(items) > limit
    return listed
