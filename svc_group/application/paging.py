"""Page tokens: where a list goes on, bound to the query and the caller that it belongs to.

A token is no permission: every page is checked like the first, so it needs no secret.
Its checksum only tells an altered token, or one of another query, from one of ours.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from typing import Final

from mesh import errors
from mesh.errors import MeshError
from svc_group.domain.reasons import Reason

DEFAULT_SIZE: Final = 50
MAX_SIZE: Final = 200
MAX_INTEGER: Final = 2**63 - 1
"""The largest number that a store takes."""

_SUM: Final = 8

Cursor = list[int | str]


def clamp(page_size: int) -> int:
    """How many items a page has: 0 asks for the default, too many are the most there may be."""
    return min(page_size or DEFAULT_SIZE, MAX_SIZE)


def token(cursor: Cursor, *query: object) -> str:
    """The token that continues this query after the cursor."""
    data = json.dumps(cursor, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_sum(data, query) + data).decode()


def cursor(page_token: str, kinds: Sequence[type], *query: object) -> Cursor | None:
    """Where the token continues this query; None for the first page.

    Raises PAGE_TOKEN_INVALID, also for a cursor of other kinds: anybody can compute a checksum.
    """
    if not page_token:
        return None
    try:
        raw = base64.b64decode(page_token.encode(), altchars=b"-_", validate=True)
        found: Cursor = json.loads(raw[_SUM:])
    except (binascii.Error, ValueError):
        raise _invalid() from None
    if raw[:_SUM] != _sum(raw[_SUM:], query) or not _is_of(found, kinds):
        raise _invalid()
    return found


def _is_of(found: object, kinds: Sequence[type]) -> bool:
    if not isinstance(found, list) or [type(part) for part in found] != list(kinds):
        return False
    return all(-1 <= part <= MAX_INTEGER for part in found if isinstance(part, int))


def _sum(data: bytes, query: tuple[object, ...]) -> bytes:
    bound = json.dumps([str(part) for part in query]).encode()
    return hashlib.sha256(bound + b"\0" + data).digest()[:_SUM]


def _invalid() -> MeshError:
    return errors.invalid(Reason.PAGE_TOKEN_INVALID, "the page token is not ours, or belongs to another query")
