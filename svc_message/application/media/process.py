"""Make what is fetched of a media that has come whole: in the background, again if a node dies of it or with it."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Final

from mesh.clock import Clock
from mesh.errors import Code, MeshError
from mesh.turns import Turns
from svc_message.domain.media.file import ENDED, UPLOAD, Media, MediaState
from svc_message.domain.media.ports import Examiner, MediaRecords, Vault
from svc_message.domain.reasons import Reason

LEASE_MS: Final = 90_000
"""How long a node may be at a media before another one takes it over; longer than an examiner may take twice."""

ATTEMPTS: Final = 3
"""How often work on a media begins before it is rejected: nodes died of it."""

PATIENCE_S: Final = 3.0
"""How long a caller waits for a media to be READY, which most are by then."""

MOST: Final = 100
"""Media that this node is at or has waiting; more wait until somebody looks for them."""

MOST_OF_ONE: Final = 50
"""Files of one owner that wait at this node, or are looked at: one after the other, so that others have their turn."""

FINAL: Final = frozenset({Code.INVALID_ARGUMENT, Code.FAILED_PRECONDITION, Code.NOT_FOUND})
"""Codes that say that the file is to blame, or not there: to try again would be no use."""


class Processing:
    """Works on media that are PROCESSING, each once at a time over all nodes."""

    def __init__(self, records: MediaRecords, vault: Vault, examiner: Examiner, clock: Clock) -> None:
        self._records = records
        self._vault = vault
        self._examiner = examiner
        self._clock = clock
        self.turns = Turns(of_one=1, asking=MOST_OF_ONE, of="files")
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def settled(self, media: Media) -> Media:
        """Have a media worked on, and return it when that is done, or as it is after a few seconds."""
        if media.state is not MediaState.PROCESSING:
            return media
        task = self.start(media)
        if task is not None:
            await asyncio.wait({task}, timeout=PATIENCE_S)
        return await self._records.find(media.media_id) or media

    def start(self, media: Media) -> "asyncio.Task[None] | None":
        """Have a media worked on; the task that is at it, if there is room for one."""
        task = self._tasks.get(media.media_id)
        if task is None and len(self._tasks) < MOST and media.due_at_ms <= self._clock.now_ms():
            task = self._tasks[media.media_id] = asyncio.create_task(self._work(media))
            task.add_done_callback(lambda _: self._tasks.pop(media.media_id, None))
        return task

    async def close(self) -> None:
        """Let go of all work; somebody takes it up later."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, media: Media) -> None:
        """Work on a media when it is its owner's turn; when very many of theirs wait, somebody looks for it later."""
        with suppress(MeshError):
            async with self.turns.of(media.owner_id):
                await self._take(media)

    async def _take(self, media: Media) -> None:
        """Work on a media; what fails for another reason than the file is begun again when the lease has ended."""
        lease = self._clock.now_ms() + LEASE_MS
        taken = await self._change(replace(media, due_at_ms=lease, attempts=media.attempts + 1))
        if taken is None:
            return
        try:
            if taken.attempts > ATTEMPTS:
                await self._reject(taken, Reason.MEDIA_TYPE_REFUSED)
            else:
                await self._make(taken)
        except MeshError as error:
            if error.code in FINAL:
                await self._reject(taken, _reason(error))
            else:
                await self._change(replace(taken, due_at_ms=self._clock.now_ms() + 1_000, attempts=media.attempts))

    async def _make(self, media: Media) -> None:
        findings = media.findings
        if findings is None:
            return
        async with (
            self._vault.at_hand(media.media_id, UPLOAD) as file,
            self._examiner.make(file, media.claim, findings) as made,
        ):
            for name, path in made.files.items():
                await self._vault.keep(media.media_id, name, path)
        ready = replace(media, state=MediaState.READY, findings=made.findings, due_at_ms=self._clock.now_ms())
        kept = await self._change(ready)
        if kept is not None:
            await tidy(kept, self._records, self._vault)
        else:
            await self._clear_if_gone(media.media_id)

    async def _clear_if_gone(self, media_id: str) -> None:
        """Remove what was made of a media that was deleted meanwhile: its bytes were removed before these came."""
        now = await self._records.find(media_id)
        if now is None or now.state in ENDED:
            await self._vault.drop(media_id)

    async def _reject(self, media: Media, reason: str) -> None:
        ended = replace(media, state=MediaState.REJECTED, failure=reason, due_at_ms=self._clock.now_ms())
        await self._change(ended)

    async def _change(self, media: Media) -> Media | None:
        """Change the record; a store that is away is as good as somebody who was faster: the lease ends."""
        try:
            return await self._records.change(media)
        except MeshError:
            return None


def _reason(error: MeshError) -> str:
    return Reason.MEDIA_TYPE_REFUSED if error.code is Code.NOT_FOUND else error.reason


async def tidy(media: Media, records: MediaRecords, vault: Vault) -> None:
    """Remove the uploaded bytes of a READY media when others are fetched in their place: they may tell too much."""
    if media.findings and media.findings.content != UPLOAD:
        await vault.drop(media.media_id, UPLOAD)
    await records.change(replace(media, due_at_ms=0))
