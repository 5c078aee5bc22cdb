"""`svc_message.domain.media.ports.MediaRecords` on SQLite."""

import json
import sqlite3
from dataclasses import replace
from typing import Any, Final

from mesh.infrastructure.sqlite import Database
from svc_message.domain.conversation import UserId
from svc_message.domain.media import rules as media_rules
from svc_message.domain.media.file import Claim, Media, MediaLimits, MediaState, Room
from svc_message.infrastructure.media.documents import document_of, media_of

MEDIA: Final = """
    CREATE TABLE media (
        id TEXT PRIMARY KEY,
        owner TEXT NOT NULL,
        request_id TEXT NOT NULL,
        state INTEGER NOT NULL,
        due_at_ms INTEGER NOT NULL,
        revision INTEGER NOT NULL,
        charged INTEGER NOT NULL,
        sha256 BLOB NOT NULL,
        about TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE UNIQUE INDEX media_request ON media (owner, request_id);
    CREATE INDEX media_room ON media (owner, charged, state) WHERE charged > 0;
    CREATE INDEX media_same ON media (owner, sha256);
    CREATE INDEX media_due ON media (due_at_ms) WHERE due_at_ms > 0
"""
"""The step of the schema. `charged` are bytes of its owner's room, `sha256` is that of the uploaded bytes, and `about`
the rest as JSON. A later step adds the kind, and what all of an owner's take: `gallery.KINDS`."""

INSERT: Final = "INSERT INTO media VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
SELECT: Final = "SELECT id, owner, request_id, state, due_at_ms, revision, about FROM media "
ROOM: Final = """
    SELECT coalesce(sum(used), 0), coalesce(sum(uploads), 0), coalesce(sum(files), 0) FROM media_room WHERE owner = ?
"""
CHANGE: Final = """
    UPDATE media SET state = ?, due_at_ms = ?, revision = ?, charged = ?, about = ?, kind = ?
    WHERE id = ? AND revision = ?
"""


class SqliteMediaRecords:
    """A row for each media."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, media: Media, limits: MediaLimits) -> Media:
        """See the port."""
        return await self._database.write(lambda connection: _begin(connection, media, limits))

    async def find(self, media_id: str) -> Media | None:
        """See the port."""
        found = await self._select("WHERE id = ?", media_id)
        return found[0] if found else None

    async def same(self, owner_id: UserId, claim: Claim) -> Media | None:
        """See the port."""
        where = "WHERE owner = ? AND sha256 = ? AND state = ? ORDER BY id DESC"
        found = await self._select(where, owner_id, claim.sha256, int(MediaState.READY))
        sought = (claim.purpose, claim.size_bytes)
        return next((one for one in found if (one.claim.purpose, one.claim.size_bytes) == sought), None)

    async def change(self, media: Media) -> Media | None:
        """See the port."""
        fresh = replace(media, revision=media.revision + 1)
        *_, about, kind = _values(fresh)
        values = (int(fresh.state), fresh.due_at_ms, fresh.revision, fresh.charged, about, kind, fresh.media_id)
        changed = await self._database.write(
            lambda connection: connection.execute(CHANGE, (*values, media.revision)).rowcount
        )
        return fresh if changed else None

    async def due(self, now_ms: int, limit: int) -> list[Media]:
        """See the port."""
        return await self._select("WHERE due_at_ms > 0 AND due_at_ms <= ? ORDER BY due_at_ms LIMIT ?", now_ms, limit)

    async def room(self, owner_id: UserId) -> Room:
        """See the port."""
        return await self._database.read(lambda connection: _room(connection, owner_id))

    async def forget(self, media: Media) -> None:
        """See the port."""
        sql, values = "DELETE FROM media WHERE id = ? AND revision = ?", (media.media_id, media.revision)
        await self._database.write(lambda connection: connection.execute(sql, values).rowcount)

    async def _select(self, where: str, *values: Any) -> list[Media]:
        rows = await self._database.read(lambda connection: connection.execute(SELECT + where, values).fetchall())
        return [media_of_row(row) for row in rows]


def _begin(connection: sqlite3.Connection, media: Media, limits: MediaLimits) -> Media:
    """What raises undoes the row."""
    where = "WHERE owner = ? AND request_id = ?"
    known = connection.execute(SELECT + where, (media.owner_id, media.request_id)).fetchone()
    if known:
        return media_of_row(known)
    connection.execute(INSERT, _values(media))
    refusal = media_rules.refuse_room(_room(connection, media.owner_id), limits)
    if refusal is not None:
        raise refusal
    return media


def _room(connection: sqlite3.Connection, owner_id: UserId) -> Room:
    return Room(*connection.execute(ROOM, (owner_id,)).fetchone())


def _values(media: Media) -> tuple[Any, ...]:
    return (
        media.media_id,
        media.owner_id,
        media.request_id,
        int(media.state),
        media.due_at_ms,
        media.revision,
        media.charged,
        media.claim.sha256,
        json.dumps(document_of(media)),
        int(media.findings.kind) if media.findings else 0,
    )


def media_of_row(row: tuple[Any, ...]) -> Media:
    """The media of a row that `SELECT` answers."""
    media_id, owner_id, request_id, state, due_at_ms, revision, about = row
    return media_of(media_id, owner_id, request_id, state, due_at_ms, revision, json.loads(about))
