"""The shared cache: routes, presence, revoked sessions. Pure Python; adapters are in mesh.infrastructure.

Nothing here is the truth: all of it may vanish at once, and is built again. Each operation is idempotent, because real
clients repeat a command whose answer was lost.
"""

from collections.abc import Collection, Mapping
from typing import Protocol


class KeyValue(Protocol):
    """Hashes of bytes that end after a time. UNAVAILABLE from any operation when the cache is away."""

    async def put(self, key: str, field: str, value: bytes, ttl_s: float) -> None:
        """Set a field. The whole key ends `ttl_s` seconds after the last put or touch, unless that is earlier."""

    async def swap(self, key: str, field: str, expected: bytes | None, value: bytes, ttl_s: float) -> bool:
        """Set a field if it holds `expected` (None: is absent), or holds `value` already. False: it holds another."""

    async def remove(self, key: str, field: str, expected: bytes | None = None) -> None:
        """Remove a field; with `expected` only if it holds that."""

    async def read(self, keys: Collection[str]) -> Mapping[str, Mapping[str, bytes]]:
        """The fields of all keys in one round trip; keys that are absent are left out."""

    async def touch(self, keys: Collection[str], ttl_s: float) -> list[str]:
        """Let the keys live on for `ttl_s`, in one round trip; return those that are not there any more."""
