"""`svc_message.domain.media.gallery.Gallery` on SQLite: the table of media, by owner and kind."""

from collections.abc import Collection
from typing import Any, Final

from mesh.infrastructure.sqlite import Database
from mesh.infrastructure.sqlite_lists import marks
from svc_message.domain.conversation import UserId
from svc_message.domain.media.file import Media, MediaKind
from svc_message.domain.media.gallery import Stock
from svc_message.infrastructure.sqlite.media import SELECT, media_of_row

KINDS: Final = """
    ALTER TABLE media ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;
    UPDATE media SET kind = coalesce(json_extract(about, '$.findings.kind'), 0);
    CREATE INDEX media_own ON media (owner, kind, id) WHERE charged > 0;
    DROP INDEX media_room;

    CREATE TABLE media_room (
        owner TEXT NOT NULL,
        kind INTEGER NOT NULL,
        used INTEGER NOT NULL,
        uploads INTEGER NOT NULL,
        files INTEGER NOT NULL,
        PRIMARY KEY (owner, kind)
    ) WITHOUT ROWID;
    INSERT INTO media_room SELECT owner, kind, sum(charged), sum(state IN (1, 10)), count(*)
        FROM media WHERE charged > 0 GROUP BY owner, kind;

    CREATE TRIGGER media_came AFTER INSERT ON media WHEN new.charged > 0 BEGIN
        INSERT INTO media_room VALUES (new.owner, new.kind, new.charged, new.state IN (1, 10), 1)
        ON CONFLICT DO UPDATE SET used = used + excluded.used, uploads = uploads + excluded.uploads, files = files + 1;
    END;
    CREATE TRIGGER media_went AFTER DELETE ON media WHEN old.charged > 0 BEGIN
        UPDATE media_room SET used = used - old.charged, uploads = uploads - (old.state IN (1, 10)), files = files - 1
        WHERE owner = old.owner AND kind = old.kind;
    END;
    CREATE TRIGGER media_changed AFTER UPDATE OF charged, state, kind ON media BEGIN
        UPDATE media_room SET used = used - old.charged, uploads = uploads - (old.state IN (1, 10)), files = files - 1
        WHERE owner = old.owner AND kind = old.kind AND old.charged > 0;
        INSERT INTO media_room SELECT new.owner, new.kind, new.charged, new.state IN (1, 10), 1 WHERE new.charged > 0
        ON CONFLICT DO UPDATE SET used = used + excluded.used, uploads = uploads + excluded.uploads, files = files + 1;
    END
"""
"""The step of the schema. The kind is what was found, 0 before that. Triggers keep what all of an owner's take, in the
same transaction, because it is asked for at each upload, by the one thread that writes messages too: adding up 100,000
rows took it 50 ms. The states are PROCESSING and UPLOADING.
"""

UPLOADING: Final = 0

BEHIND: Final = "SELECT id FROM media WHERE owner = ? AND kind = ? AND charged > 0 AND id < ? ORDER BY id DESC LIMIT ?"
"""Of one kind, so that it is a stretch of the index, however many of the others there are."""

STOCK: Final = "SELECT kind, files, used FROM media_room WHERE owner = ? AND kind > 0 AND files > 0"
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
