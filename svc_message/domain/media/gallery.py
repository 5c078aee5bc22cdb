"""What a user has uploaded, as they see it themselves."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from svc_message.domain.conversation import UserId
from svc_message.domain.media.file import Media, MediaKind, Room

EVERY_KIND: Final = tuple(MediaKind)


@dataclass(frozen=True, slots=True)
class Stock:
    """How many media of a kind there are, and their bytes."""

    files: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What a user has, what of it is media of which kind, and the ids of uploads under way, the newest first."""

    room: Room
    stock: Mapping[MediaKind, Stock]
    upload_ids: tuple[str, ...]


class Gallery(Protocol):
    """Media of one owner that count against their room. All raise UNAVAILABLE when the store is away."""

    async def page(
        self, owner_id: UserId, kinds: Collection[MediaKind], before: str = "", limit: int = 50
    ) -> list[Media]:
        """READY and PROCESSING media of these kinds, the newest id first; with `before` those with a smaller id."""

    async def uploads(self, owner_id: UserId, before: str = "", limit: int = 50) -> list[Media]:
        """Uploads under way, in the same order."""

    async def stock(self, owner_id: UserId) -> dict[MediaKind, Stock]:
        """What `page` would list, counted; kinds without any are left out."""
