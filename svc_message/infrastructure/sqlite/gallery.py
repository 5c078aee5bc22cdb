"""`svc_message.domain.gallery.Gallery` on SQLite: the table of media, by owner and kind."""

from collections.abc import Collection
from typing import Any, Final

from mesh.infrastructure.sqlite import Database
from mesh.infrastructure.sqlite_lists import marks
from svc_message.domain.conversation import UserId
from svc_message.domain.gallery import Stock
from svc_message.domain.media import Media, MediaKind
from svc_message.infrastructure.sqlite.media import SELECT, media_of_row

KINDS: Final = """
    ALTER TABLE media ADD COLUMN
        kind INTEGER GENERATED ALWAYS AS (coalesce(json_extract(about, '$.findings.kind'), 0)) VIRTUAL;
    CREATE INDEX media_own ON media (owner, kind, id, charged) WHERE charged > 0
"""
"""The step of the schema. The kind is what was found, 0 before that."""

UPLOADING: Final = 0

BEHIND: Final = "SELECT id FROM media WHERE owner = ? AND kind = ? AND charged > 0 AND id < ? ORDER BY id DESC LIMIT ?"
"""Of one kind, so that it is a stretch of the index, however many of the others there are."""

STOCK: Final = """
    SELECT kind, count(*), sum(charged) FROM media WHERE owner = ? AND kind > 0 AND charged > 0 GROUP BY kind
"""
LAST: Final = "n"
"""Behind all ids, which begin with an m."""


class SqliteGallery:
    """Rows of one owner."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, owner_id: UserId, kinds: Collection[MediaKind], before: str = "", limit: int = 50
    ) -> list[Media]:
        """See the port."""
        return await self._newest(owner_id, sorted(map(int, kinds)), before, limit)

    async def uploads(self, owner_id: UserId, before: str = "", limit: int = 50) -> list[Media]:
        """See the port."""
        return await self._newest(owner_id, [UPLOADING], before, limit)

    async def stock(self, owner_id: UserId) -> dict[MediaKind, Stock]:
        """See the port."""
        rows = await self._read(STOCK, owner_id)
        return {MediaKind(kind): Stock(files, size_bytes) for kind, files, size_bytes in rows}

    async def _newest(self, owner_id: UserId, kinds: list[int], before: str, limit: int) -> list[Media]:
        found: list[str] = []
        for kind in kinds:
            found += [row[0] for row in await self._read(BEHIND, owner_id, kind, before or LAST, limit)]
        newest = sorted(found, reverse=True)[:limit]
        where = f"WHERE id IN ({marks(newest)}) ORDER BY id DESC"
        return [media_of_row(row) for row in await self._read(SELECT + where, *newest)] if newest else []

    async def _read(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return await self._database.read(lambda connection: connection.execute(sql, values).fetchall())
