"""The parts of a token as they stand on the wire, read more strictly than a JWT library does."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, Final

from mesh import errors
from mesh.errors import Reason


def header_of(token: str) -> dict[str, Any]:
    """Return the header of a token; raises TOKEN_INVALID."""
    return _json(_parts(token)[0])


def payload_of(token: str) -> dict[str, Any]:
    """Return what a token claims, whoever signed it; raises TOKEN_INVALID."""
    return _json(_parts(token)[1])


def _parts(token: str) -> list[str]:
    parts = token.split(".", 3)
    if len(parts) != 3:  # noqa: PLR2004  header, payload, signature
        raise invalid()
    for part in parts:
        _decoded(part)
    return parts


def _decoded(part: str) -> bytes:
    # Bits that base64 drops would give one signature many spellings, and each its own place in the cache.
    try:
        data = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise invalid() from None
    if base64.urlsafe_b64encode(data).rstrip(b"=") != part.encode("ascii"):
        raise invalid()
    return data


def _json(part: str) -> dict[str, Any]:
    try:
        value = _JSON.decode(_decoded(part).decode())
    except (ValueError, RecursionError):
        raise invalid() from None
    if not isinstance(value, dict):
        raise invalid()
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise invalid()
    return value


def _refuse_constant(_: str) -> None:
    raise invalid()


# One for all: a decoder refers to itself, so that each new one would wait for the collector, 2 kB at a time.
_JSON: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)


def invalid() -> errors.MeshError:
    """Return the one answer for every flaw: which one it was helps only who forges."""
    return errors.unauthenticated(Reason.TOKEN_INVALID, "the token is not valid")
