"""Where devices stand: ids of conversations, and the digest of all positions."""

import hashlib
from collections.abc import Mapping
from functools import lru_cache


def conversation_of(one: str, other: str) -> str:
    """Return the id of the direct conversation of two users."""
    return f"{min(one, other)}-{max(one, other)}"


def digest(places: Mapping[str, int]) -> int:
    """Return the digest of what a device has; see parley.gateway.v1.Heartbeat."""
    total: int = sum(seq * _weight(conversation_id) for conversation_id, seq in places.items())
    return total % 2**64


@lru_cache(maxsize=100_000)
def _weight(conversation_id: str) -> int:
    return int.from_bytes(hashlib.sha256(conversation_id.encode()).digest()[:8], "little")
