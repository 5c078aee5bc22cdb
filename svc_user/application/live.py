"""Show and change the live settings."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from mesh.clock import Clock, until
from mesh.live import LiveSettings
from svc_user.domain.friend import version_conflict
from svc_user.domain.live import LiveSettingsStore, check
from svc_user.domain.ports import Stale


class Tuning:
    """The settings of the whole installation.

    Nodes that ask for newer ones wait for the first who sees a change here: who made it, or whoever asks without
    waiting, which this process does for itself all the time.
    """

    def __init__(self, store: LiveSettingsStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._version = 0
        self._changed = asyncio.Event()
        self._stopped = False

    async def latest(self) -> LiveSettings:
        """The settings in force."""
        return await self._store.latest()

    async def newer(self, known_version: int) -> LiveSettings | None:
        """The settings, if they are another version than the one that is known."""
        version = await self._store.version()
        if version != self._version:
            self._version = version
            self._wake()
        return await self._store.latest() if version != known_version else None

    async def await_newer(self, known_version: int, seconds: float) -> LiveSettings | None:
        """The same, but wait so long for newer ones when there are none."""
        changed = self._changed  # before it is looked: a change that comes meanwhile must not be missed
        newer = await self.newer(known_version)
        if newer is not None or self._stopped or seconds <= 0:
            return newer
        await until(changed, seconds, self._clock)
        return await self.newer(known_version)

    async def stop(self) -> None:
        """Let nobody wait any longer: this process ends."""
        self._stopped = True
        self._wake()

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
        self._version = after.version
        self._wake()
        return after

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
