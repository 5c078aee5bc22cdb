"""Page tokens of lists that are in the order of ids: the last id, and which list it belongs to."""

import base64
import json
from collections.abc import Callable, Sequence
from typing import TypeVar

from mesh import errors
from svc_message.domain.reasons import Reason

T = TypeVar("T")

Query = tuple[str, ...]
"""Whatever must be the same on the next page."""


def following(query: Query, found: Sequence[T], size: int, id_of: Callable[[T], str]) -> str:
    """The token of the page after these items; empty when they are fewer than a page holds."""
    if len(found) < size:
        return ""
    return base64.urlsafe_b64encode(json.dumps([*query, id_of(found[-1])]).encode()).decode()


def decode(query: Query, token: str) -> str:
    """The id of a token; empty for the first page. PAGE_TOKEN_INVALID for what is none, or is of another list."""
    if not token:
        return ""
    try:
        *asked, id_ = json.loads(base64.urlsafe_b64decode(token))
    except (ValueError, TypeError):
        raise _invalid() from None
    if asked != list(query) or not isinstance(id_, str):
        raise _invalid()
    return id_


def _invalid() -> errors.MeshError:
    return errors.invalid(Reason.PAGE_TOKEN_INVALID, "use the next_page_token of the page before, unchanged")
