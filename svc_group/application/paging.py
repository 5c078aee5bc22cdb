"""Page tokens: where a list goes on, bound to the query and the caller that it belongs to.

It needs no secret: see `mesh/page_tokens.py`.
"""

import json
from collections.abc import Sequence
from typing import Final

from mesh import page_tokens

DEFAULT_SIZE: Final = 50
MAX_SIZE: Final = 200
MAX_INTEGER: Final = 2**63 - 1
"""The largest number that a store takes."""

Cursor = list[int | str]


def clamp(page_size: int) -> int:
    """How many items a page has: 0 asks for the default, too many are the most there may be."""
    return min(page_size or DEFAULT_SIZE, MAX_SIZE)


def token(cursor: Cursor, *query: object) -> str:
    """The token that continues this query after the cursor."""
    return page_tokens.seal(_question(query), json.dumps(cursor, separators=(",", ":")))


def cursor(page_token: str, kinds: Sequence[type], *query: object) -> Cursor | None:
    """Where the token continues this query; None for the first page.

    Raises PAGE_TOKEN_INVALID, also for a cursor of other kinds: anybody can compute a checksum.
    """
    if not page_token:
        return None
    place = page_tokens.unseal(_question(query), page_token)
    try:
        found: Cursor = json.loads(place)
    except ValueError:
        raise page_tokens.invalid() from None
    if not _is_of(found, kinds):
        raise page_tokens.invalid()
    return found


def _is_of(found: object, kinds: Sequence[type]) -> bool:
    """Whether these are the parts of a place that a store may be asked for: numbers have bounds, and words are text."""
    if not isinstance(found, list) or [type(part) for part in found] != list(kinds):
        return False
    return all(part.isprintable() if isinstance(part, str) else -1 <= part <= MAX_INTEGER for part in found)


def _question(query: tuple[object, ...]) -> str:
    return json.dumps([str(part) for part in query])
