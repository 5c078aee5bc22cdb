"""Look after media that nobody is at: idle uploads, work that stopped, bytes that are left over."""

from contextlib import suppress
from dataclasses import replace
from typing import Final

from mesh.clock import Clock
from mesh.errors import MeshError
from svc_message.application.media.process import Processing, tidy
from svc_message.application.media.upload import idle_until
from svc_message.domain.media.file import Media, MediaState
from svc_message.domain.media.ports import MediaRecords, Vault

PERIOD_S: Final = 30.0
"""Seconds between two looks: what is due is not urgent, and work that a process left is taken up when one starts."""

PAGE: Final = 50
"""Media of one look."""

KEPT_MS: Final = 24 * 3_600_000
"""How long it is remembered what became of a media that is gone; so long a request may be repeated."""

AGAIN_MS: Final = 60_000
"""When one that could not be dealt with is looked at again, so that it does not stand before the others."""


class MediaCare:
    """One on each node; that several look at the same media does no harm."""

    def __init__(self, records: MediaRecords, vault: Vault, processing: Processing, clock: Clock) -> None:
        self._records = records
        self._vault = vault
        self._processing = processing
        self._clock = clock

    async def run(self) -> None:
        """Look every few seconds, for ever."""
        while True:
            with suppress(MeshError):  # the store is away: it is looked at again
                await self.look()
            await self._clock.sleep(PERIOD_S)

    async def look(self) -> None:
        """Deal with what is due."""
        for media in await self._records.due(self._clock.now_ms(), PAGE):
            try:
                await self._deal(media)
            except MeshError:
                await self._records.change(replace(media, due_at_ms=self._clock.now_ms() + AGAIN_MS))

    async def _deal(self, media: Media) -> None:
        match media.state:
            case MediaState.UPLOADING:
                await self._abort_if_idle(media)
            case MediaState.PROCESSING:
                self._processing.start(media)
            case MediaState.READY:
                await tidy(media, self._records, self._vault)
            case _:
                await self._clear(media)

    async def _abort_if_idle(self, media: Media) -> None:
        until = idle_until(media, await self._vault.parts(media) if media.handle else [])
        if until > self._clock.now_ms():
            await self._records.change(replace(media, due_at_ms=until))
        else:
            await self._records.change(replace(media, state=MediaState.ABORTED, due_at_ms=self._clock.now_ms()))

    async def _clear(self, media: Media) -> None:
        """Remove the bytes of what has ended; when nobody asks for it any more, forget it.

        Before that they are removed once more: a node that was at it may have kept some after the first time, and died.
        """
        await self._vault.drop(media.media_id)
        if media.emptied:
            await self._records.forget(media)
            return
        await self._records.change(replace(media, emptied=True, due_at_ms=self._clock.now_ms() + KEPT_MS))
