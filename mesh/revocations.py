"""Sessions that ended before their access tokens did, over the shared cache.

A stream of such a session is closed by an event; for unary calls each process asks here, and believes an answer for
five seconds. When the cache is away, a token is good until it ends: 15 minutes at most.
"""

from typing import Final

from mesh.clock import Clock
from mesh.errors import MeshError
from mesh.kv import KeyValue

BELIEVED_S: Final = 5.0
KEPT_S: Final = 16 * 60.0
"""Longer than an access token lives, clock leeway included."""

REMEMBERED: Final = 50_000


class KeyValueRevocations:
    """`mesh.tokens.Revocations` over `mesh.kv`."""

    def __init__(self, kv: KeyValue, clock: Clock) -> None:
        self._kv = kv
        self._clock = clock
        self._answers: dict[str, tuple[float, bool]] = {}

    async def revoke(self, session_id: str) -> None:
        """Let everyone know that a session has ended. UNAVAILABLE when the cache is away."""
        self._answers.pop(session_id, None)
        await self._kv.put(_key(session_id), "revoked", b"1", KEPT_S)

    async def is_revoked(self, session_id: str) -> bool:
        """Whether this session was ended."""
        until, revoked = self._answers.get(session_id, (0.0, False))
        if self._clock.monotonic() < until:
            return revoked
        return await self._ask(session_id)

    async def has_ended(self, session_id: str) -> bool:
        """Whether this session was ended, as the cache has it now. UNAVAILABLE when the cache is away."""
        return bool(await self._kv.read([_key(session_id)]))

    async def _ask(self, session_id: str) -> bool:
        try:
            revoked = await self.has_ended(session_id)
        except MeshError:
            return False
        if len(self._answers) >= REMEMBERED:
            self._answers.clear()
        self._answers[session_id] = (self._clock.monotonic() + BELIEVED_S, revoked)
        return revoked


def _key(session_id: str) -> str:
    return f"revoked/{session_id}"
