"""Page sizes and page tokens."""

import hashlib
from typing import Final

from mesh import page_tokens

DEFAULT_SIZE: Final = 50
MAX_SIZE: Final = 200


def page_size(asked: int) -> int:
    """How many items a page has: 0 means 50, more than 200 means 200."""
    return min(asked or DEFAULT_SIZE, MAX_SIZE)


class PageTokens:
    """Positions that a client carries from page to page, bound to their query so that none fits another."""

    def __init__(self, key: bytes) -> None:
        self._key = hashlib.blake2b(key, person=b"page tokens").digest()

    def encode(self, query: tuple[str, ...], position: str) -> str:
        """The token of a position; empty for none. `query` is whatever must be the same on the next page."""
        return page_tokens.seal(_question(query), position, self._key) if position else ""

    def decode(self, query: tuple[str, ...], token: str) -> str:
        """The position of a token; empty for the first page. PAGE_TOKEN_INVALID for what is not ours."""
        return page_tokens.unseal(_question(query), token, self._key) if token else ""


def _question(query: tuple[str, ...]) -> str:
    return "\0".join((*query, ""))
