"""`svc_message.domain.ports.Log` on SQLite."""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from mesh.infrastructure.sqlite import Database
from mesh.infrastructure.sqlite_lists import chunks, marks
from svc_message.domain.conversation import (
    ConversationId,
    ConversationKind,
    DeviceId,
    Seq,
    UserId,
    direct_users,
    kind_of,
)
from svc_message.domain.entry import EntryKind, Row, Stored
from svc_message.domain.ports import Clash, Run, Span
from svc_message.infrastructure.sqlite import effects, runs
from svc_message.infrastructure.sqlite.keys import Keys, Known

INSERT: Final = "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"

SELECT: Final = """
    SELECT c.id, e.seq, d.id, e.client_message_id, s.id, e.kind, e.sent_at_ms, e.body
    FROM entry e JOIN conversation c ON c.key = e.conversation JOIN party d ON d.key = e.device
    JOIN party s ON s.key = e.sender
"""

CHANGES: Final = (EntryKind.EDIT, EntryKind.RECALL, EntryKind.PIN)

Key = tuple[ConversationId, DeviceId, int]


class SqliteLog:
    """The logs of all conversations in one table."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._parties = Known("party")
        self._conversations = Known("conversation")

    async def append(self, rows: Sequence[Row]) -> None:
        """See the port. All rows are stored or none."""
        batch = _Batch(rows, Keys(self._parties), Keys(self._conversations))
        await self._database.write(batch.store)
        batch.keep()

    async def heads(self, ids: Collection[ConversationId]) -> dict[ConversationId, Seq]:
        """See the port."""
        found = await self._database.read(lambda connection: _heads(connection, ids))
        return {id_: found.get(id_, Seq(0)) for id_ in ids}

    async def find(self, keys: Collection[Key]) -> dict[Key, Stored]:
        """See the port."""
        found = await self._database.read(lambda connection: [_find(connection, key) for key in keys])
        return {stored.key: stored for stored in found if stored is not None}

    async def read(
        self, conversation_id: ConversationId, first: int, last: int, limit: int, *, descending: bool = False
    ) -> list[Stored]:
        """See the port."""
        where = f"WHERE c.id = ? AND e.seq BETWEEN ? AND ? ORDER BY e.seq {'DESC' if descending else 'ASC'} LIMIT ?"
        return await self._select(where, (conversation_id, first, last, limit))

    async def read_each(self, spans: Sequence[Span], limit: int, room: int) -> list[Run]:
        """See the port."""
        return await self._database.read(lambda connection: runs.read(connection, spans, limit, room))

    async def foreign_writes(self) -> int | None:
        """See the port: what SQLite tells the writer's connection counts the commits of all others."""
        return await self._database.write(_data_version)

    async def last(self, ends: Mapping[ConversationId, Seq]) -> dict[ConversationId, Stored]:
        """See the port."""
        found = await self._database.read(lambda connection: [_at(connection, *end) for end in ends.items()])
        return {stored.conversation_id: stored for stored in found if stored is not None}

    async def amendments(
        self, conversation_id: ConversationId, first: int, last: int, limit: int, *, after: int = 0
    ) -> list[Stored]:
        """See the port."""
        where = f"""WHERE c.id = ? AND e.target BETWEEN ? AND ? AND e.target > 0 AND e.seq > ?
            AND e.kind IN ({marks(CHANGES)}) ORDER BY e.seq LIMIT ?"""
        return await self._select(where, (conversation_id, first, last, max(last, after), *map(int, CHANGES), limit))

    async def _select(self, where: str, values: tuple[Any, ...]) -> list[Stored]:
        rows = await self._database.read(lambda connection: connection.execute(SELECT + where, values).fetchall())
        return [stored_of(row) for row in rows]


class _Batch:
    """The rows of one append, and the keys that it makes for them."""

    def __init__(self, rows: Sequence[Row], parties: Keys, conversations: Keys) -> None:
        self._rows = rows
        self._parties = parties
        self._conversations = conversations

    def store(self, connection: sqlite3.Connection) -> None:
        """Write the rows and what they change besides."""
        try:
            connection.executemany(INSERT, [self._values(connection, row) for row in self._rows])
            for row in self._rows:
                if row.seq == 1 or row.tombstones or not row.draft.plain:
                    self._apply(connection, row)
        except sqlite3.IntegrityError as error:
            raise Clash from error

    def keep(self) -> None:
        """Remember the keys: the rows are durable."""
        self._parties.keep()
        self._conversations.keep()

    def _values(self, connection: sqlite3.Connection, row: Row) -> tuple[Any, ...]:
        draft = row.draft
        return (
            self._conversations.of(connection, draft.conversation_id),
            row.seq,
            self._parties.of(connection, draft.device_id),
            draft.client_message_id,
            self._parties.of(connection, draft.sender_id),
            int(draft.kind),
            draft.target_seq if draft.kind is not EntryKind.POST else 0,
            row.sent_at_ms,
            row.entry,
        )

    def _apply(self, connection: sqlite3.Connection, row: Row) -> None:
        """Write what an entry changes besides."""
        draft = row.draft
        if row.seq == 1 and draft.members is None:
            self._create_members(connection, draft.conversation_id)
        if draft.members is not None:
            effects.apply_members(connection, self._parties, self._key(connection, row), row)
        if draft.group is not None:
            effects.apply_group(connection, self._key(connection, row), draft.group)
        if draft.mentions or draft.mentions_all:
            effects.add_mentions(connection, self._parties, self._key(connection, row), row)
        if row.tombstones:
            effects.erase(connection, self._key(connection, row), row.tombstones)

    def _key(self, connection: sqlite3.Connection, row: Row) -> int:
        return self._conversations.of(connection, row.draft.conversation_id)

    def _create_members(self, connection: sqlite3.Connection, conversation_id: ConversationId) -> None:
        kind = kind_of(conversation_id)
        if kind is ConversationKind.GROUP:
            return
        users = direct_users(conversation_id) if kind is ConversationKind.DIRECT else (UserId(conversation_id),)
        key = self._conversations.of(connection, conversation_id)
        connection.executemany(
            "INSERT INTO member (user, conversation) VALUES (?, ?) ON CONFLICT DO NOTHING",
            [(self._parties.of(connection, user_id), key) for user_id in users],
        )


def _data_version(connection: sqlite3.Connection) -> int:
    """Inside a transaction that holds the right to write it is exact: nobody else can commit meanwhile."""
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def _heads(connection: sqlite3.Connection, ids: Collection[ConversationId]) -> dict[ConversationId, Seq]:
    found: dict[ConversationId, Seq] = {}
    for some in chunks(ids):
        sql = f"SELECT id, (SELECT max(seq) FROM entry WHERE conversation = key) FROM conversation WHERE id IN ({marks(some)})"  # noqa: S608, E501 - question marks only
        found.update({id_: Seq(head or 0) for id_, head in connection.execute(sql, some)})
    return found


def _find(connection: sqlite3.Connection, key: Key) -> Stored | None:
    conversation_id, device_id, client_message_id = key
    where = "WHERE d.id = ? AND e.client_message_id = ? AND c.id = ?"
    row = connection.execute(SELECT + where, (device_id, client_message_id, conversation_id)).fetchone()
    return stored_of(row) if row else None


def _at(connection: sqlite3.Connection, conversation_id: ConversationId, seq: Seq) -> Stored | None:
    row = connection.execute(SELECT + "WHERE c.id = ? AND e.seq = ?", (conversation_id, seq)).fetchone()
    return stored_of(row) if row else None


def stored_of(row: tuple[Any, ...]) -> Stored:
    conversation_id, seq, device_id, client_message_id, sender_id, kind, sent_at_ms, body = row
    return Stored(conversation_id, seq, device_id, client_message_id, sender_id, EntryKind(kind), sent_at_ms, body)
