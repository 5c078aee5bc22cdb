"""`svc_gateway.domain.LastSeen` over the shared cache."""

from collections.abc import Collection
from typing import Final

from mesh.kv import KeyValue

KEPT_S: Final = 30 * 86_400.0
"""How long it is known when somebody was last online: 30 days, about 100 bytes for each user."""

FIELD: Final = "at"


class CachedLastSeen:
    """A key for each user."""

    def __init__(self, kv: KeyValue) -> None:
        self._kv = kv

    async def note(self, user_id: str, at_ms: int) -> None:
        """See the port."""
        await self._kv.put(_key(user_id), FIELD, str(at_ms).encode(), KEPT_S)

    async def of(self, user_ids: Collection[str]) -> dict[str, int]:
        """See the port."""
        found = await self._kv.read([_key(user_id) for user_id in user_ids])
        times = {user_id: found.get(_key(user_id), {}).get(FIELD, b"") for user_id in user_ids}
        return {user_id: int(time) for user_id, time in times.items() if time.isdigit()}


def _key(user_id: str) -> str:
    return f"seen/{user_id}"
