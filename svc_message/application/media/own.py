"""Show users what they have uploaded, and how much of their room it takes."""

from collections.abc import Collection
from typing import Final

from svc_message.domain.conversation import UserId
from svc_message.domain.media.file import Media, MediaKind
from svc_message.domain.media.gallery import EVERY_KIND, Gallery, Usage
from svc_message.domain.media.ports import MediaRecords

SHOWN_UPLOADS: Final = 100
"""Uploads of one answer; more are under way only where an installation lets them."""


class OwnMedia:
    """Reads what one user has."""

    def __init__(self, gallery: Gallery, records: MediaRecords) -> None:
        self._gallery = gallery
        self._records = records

    async def page(
        self, user_id: UserId, kinds: Collection[MediaKind] | None, before: str, size: int
    ) -> tuple[list[Media], str]:
        """A page of one's own media, the newest first, and where the next one begins, "" after the last.

        None of the kinds: all of them. UNAVAILABLE.
        """
        wanted = EVERY_KIND if kinds is None else kinds
        found = await self._gallery.page(user_id, wanted, before, size + 1)
        return found[:size], found[size - 1].media_id if len(found) > size else ""

    async def usage(self, user_id: UserId) -> Usage:
        """What takes the room of a user, counted one after the other: what changes meanwhile is in a part."""
        uploads = await self._gallery.uploads(user_id, limit=SHOWN_UPLOADS)
        stock = await self._gallery.stock(user_id)
        return Usage(await self._records.room(user_id), stock, tuple(one.media_id for one in uploads))
