"""Show and change the live settings."""

from collections.abc import Callable
from dataclasses import replace

from mesh.live import LiveSettings
from svc_user.domain.friend import version_conflict
from svc_user.domain.live import LiveSettingsStore, check
from svc_user.domain.ports import Stale


class Tuning:
    """The settings of the whole installation."""

    def __init__(self, store: LiveSettingsStore) -> None:
        self._store = store

    async def latest(self) -> LiveSettings:
        """The settings in force."""
        return await self._store.latest()

    async def newer(self, known_version: int) -> LiveSettings | None:
        """The settings, if they are another version than the one that is known."""
        return await self._store.latest() if await self._store.version() != known_version else None

    async def change(self, edit: Callable[[LiveSettings], LiveSettings], expected_version: int) -> LiveSettings:
        """Keep edited settings. Raises VERSION_CONFLICT and INVALID_REQUEST; a change of nothing is no change."""
        before = await self._store.latest()
        if expected_version not in (0, before.version):
            raise version_conflict()
        after = edit(before)
        check(after)
        if after == before:
            return before
        after = replace(after, version=before.version + 1)
        try:
            await self._store.keep(after)
        except Stale:
            raise version_conflict() from None
        return after
