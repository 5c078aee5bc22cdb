"""Page tokens: where a list goes on, sealed together with the question that it belongs to.

A question names the list, what is asked of it and the caller, so a token of another question or of another
caller is refused. A token is no permission: every page is checked like the first. Without a key the seal is
a checksum that anybody can compute, and whoever reads the place holds it to what a store may be asked.
"""

import base64
import binascii
import hashlib
import hmac
from typing import Final

from mesh import errors
from mesh.errors import MeshError

SEAL_BYTES: Final = 16


def seal(question: str, place: str, key: bytes = b"") -> str:
    """The token of a place, URL-safe text; `key` has 64 bytes at most."""
    data = place.encode()
    return base64.urlsafe_b64encode(_seal(question, data, key) + data).decode().rstrip("=")


def unseal(question: str, token: str, key: bytes = b"") -> str:
    """The place in a token. Raises PAGE_TOKEN_INVALID for what was not sealed for this question."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        mark, data = raw[:SEAL_BYTES], raw[SEAL_BYTES:]
        place = data.decode()
    except (binascii.Error, ValueError):
        raise invalid() from None
    if not hmac.compare_digest(mark, _seal(question, data, key)):
        raise invalid()
    return place


def invalid() -> MeshError:
    """The refusal of a token, also for a place that makes no sense to who unsealed it."""
    message = "use the next_page_token of the page before, unchanged, with the same question"
    return errors.invalid(errors.Reason.PAGE_TOKEN_INVALID, message)


def _seal(question: str, data: bytes, key: bytes) -> bytes:
    asked = question.encode()
    return hashlib.blake2b(len(asked).to_bytes(4) + asked + data, key=key, digest_size=SEAL_BYTES).digest()
