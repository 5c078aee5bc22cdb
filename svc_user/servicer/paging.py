"""Page sizes and page tokens."""

import base64
import binascii
import hashlib
import hmac
from typing import Final

from mesh import errors
from svc_user.domain.reasons import Reason

DEFAULT_SIZE: Final = 50
MAX_SIZE: Final = 200
MAC_BYTES: Final = 16


def page_size(asked: int) -> int:
    """How many items a page has: 0 means 50, more than 200 means 200."""
    return min(asked or DEFAULT_SIZE, MAX_SIZE)


class PageTokens:
    """Positions that a client carries from page to page, bound to their query so that none fits another."""

    def __init__(self, key: bytes) -> None:
        self._key = hashlib.blake2b(key, person=b"page tokens").digest()

    def encode(self, query: tuple[str, ...], position: str) -> str:
        """The token of a position; empty for none. `query` is whatever must be the same on the next page."""
        if not position:
            return ""
        data = position.encode()
        return base64.urlsafe_b64encode(self._mac(query, data) + data).decode().rstrip("=")

    def decode(self, query: tuple[str, ...], token: str) -> str:
        """The position of a token; empty for the first page. PAGE_TOKEN_INVALID for what is not ours."""
        if not token:
            return ""
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise _invalid() from None
        mac, data = raw[:MAC_BYTES], raw[MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(query, data)):
            raise _invalid()
        return data.decode()

    def _mac(self, query: tuple[str, ...], data: bytes) -> bytes:
        text = "\0".join((*query, "")).encode() + data
        return hashlib.blake2b(text, key=self._key, digest_size=MAC_BYTES).digest()


def _invalid() -> errors.MeshError:
    return errors.invalid(Reason.PAGE_TOKEN_INVALID, "the page token is not ours, or belongs to another query")
