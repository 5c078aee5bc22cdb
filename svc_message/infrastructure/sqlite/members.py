"""`svc_message.domain.ports.Members` on SQLite."""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from mesh.infrastructure.sqlite import Database
from svc_message.domain.conversation import ConversationId, GroupRights, Membership, Role, Seq, UserId
from svc_message.domain.entry import EntryKind
from svc_message.domain.own import OPEN
from svc_message.domain.ports import Mark, Standing, Unread, UnreadAsk
from svc_message.infrastructure.records import veil_of
from svc_message.infrastructure.sqlite.effects import EVERYONE

SELECT: Final = """
    SELECT c.id, u.id, m.join_seq, max(m.first_seq, c.cut_seq), m.left_seq, m.role, m.muted_until_ms,
        m.addressed_before, m.read_seq, m.received_seq
    FROM member m JOIN conversation c ON c.key = m.conversation JOIN party u ON u.key = m.user
"""

PEERS: Final = """
    SELECT c.id, u.id, m.join_seq, max(m.first_seq, c.cut_seq), m.left_seq, m.role, m.muted_until_ms,
        m.addressed_before, m.read_seq, m.received_seq
    FROM member mine JOIN conversation c ON c.key = mine.conversation
    JOIN member m ON m.conversation = mine.conversation AND m.user <> mine.user
    JOIN party u ON u.key = m.user
    WHERE mine.user = (SELECT key FROM party WHERE id = ?) AND length(c.id) > 16
"""
"""Ids of direct chats are longer than all others: they name two users."""

STANDINGS: Final = """
    SELECT c.id, coalesce((SELECT max(seq) FROM entry WHERE conversation = m.conversation), 0),
        m.join_seq, m.first_seq, m.left_seq, m.read_seq,
        CASE WHEN length(c.id) > 16 THEN coalesce((
            SELECT peer.read_seq FROM member peer WHERE peer.conversation = m.conversation AND peer.user <> m.user
        ), 0) ELSE 0 END,
        m.addressed_before, c.cut_seq, coalesce(o.cleared_seq, 0), coalesce(o.hidden, '[]')
    FROM member m JOIN conversation c ON c.key = m.conversation
    LEFT JOIN own o ON o.user = m.user AND o.conversation = m.conversation
    WHERE m.user = (SELECT key FROM party WHERE id = ?)
"""

RIGHTS: Final = """
    SELECT muted_all, mention_all_open, pin_open, slow_mode_seconds, member_receipts, suspended
    FROM conversation WHERE id = ?
"""

RAISE: Final = """
    UPDATE member SET read_seq = max(read_seq, ?), received_seq = max(received_seq, ?, ?)
    WHERE user = (SELECT key FROM party WHERE id = ?) AND conversation = (SELECT key FROM conversation WHERE id = ?)
    RETURNING read_seq, received_seq
"""
"""What was read was received."""

COUNT: Final = """
    SELECT count(*), count(mention.user) FROM (
        SELECT e.conversation, e.seq FROM entry e
        WHERE e.conversation = (SELECT key FROM conversation WHERE id = :conversation)
            AND e.seq > :after AND e.seq <= :last AND e.kind = :post
            AND e.sender <> (SELECT key FROM party WHERE id = :user)
            AND e.seq NOT IN (SELECT value FROM json_each(:without))
        ORDER BY e.seq LIMIT :limit
    ) AS post LEFT JOIN mention ON mention.conversation = post.conversation AND mention.seq = post.seq
        AND mention.user = (
            SELECT min(other.user) FROM mention other
            WHERE other.conversation = post.conversation AND other.seq = post.seq
                AND other.user IN (:everyone, (SELECT key FROM party WHERE id = :user)))
"""


class SqliteMembers:
    """Who is in which conversation, and how far they are."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_conversation(self, conversation_id: ConversationId) -> list[Membership]:
        """See the port."""
        found = await self._select("WHERE c.id = ? AND m.left_seq = 0", conversation_id)
        return [membership for _, membership in found]

    async def of_user(self, user_id: UserId) -> dict[ConversationId, Membership]:
        """See the port."""
        return dict(await self._select("WHERE m.user = (SELECT key FROM party WHERE id = ?)", user_id))

    async def peers(self, user_id: UserId) -> dict[ConversationId, Membership]:
        """See the port."""
        rows = await self._database.read(lambda connection: connection.execute(PEERS, (user_id,)).fetchall())
        return dict(_place(row) for row in rows)

    async def standings(self, user_id: UserId) -> list[Standing]:
        """See the port."""
        rows = await self._database.read(lambda connection: connection.execute(STANDINGS, (user_id,)).fetchall())
        return [_standing(row) for row in rows]

    async def one(self, conversation_id: ConversationId, user_id: UserId) -> Membership | None:
        """See the port."""
        found = await self._select("WHERE c.id = ? AND u.id = ?", conversation_id, user_id)
        return found[0][1] if found else None

    async def group_rights(self, conversation_id: ConversationId) -> GroupRights:
        """See the port."""
        row = await self._database.read(lambda connection: connection.execute(RIGHTS, (conversation_id,)).fetchone())
        if row is None:
            return GroupRights()
        return GroupRights(bool(row[0]), bool(row[1]), bool(row[2]), row[3], bool(row[4]), bool(row[5]))

    async def advance(self, marks: Sequence[Mark]) -> list[tuple[Mark, bool]]:
        """See the port."""
        return await self._database.write(lambda connection: [_raise(connection, mark) for mark in marks])

    async def unread(self, user_id: UserId, asks: Sequence[UnreadAsk], limit: int) -> list[Unread]:
        """See the port."""
        return await self._database.read(lambda connection: [_count(connection, user_id, ask, limit) for ask in asks])

    async def _select(self, where: str, *values: Any) -> list[tuple[ConversationId, Membership]]:
        rows = await self._database.read(lambda connection: connection.execute(SELECT + where, values).fetchall())
        return [_place(row) for row in rows]


def _standing(row: tuple[Any, ...]) -> Standing:
    *place, addressed_before, cut_seq, cleared_seq, hidden = row
    veil = veil_of(cleared_seq, json.loads(hidden)) if cleared_seq or hidden != "[]" else OPEN
    return Standing(*place, cut_seq=cut_seq, veil=veil, addressed_before=addressed_before)


def _place(row: tuple[Any, ...]) -> tuple[ConversationId, Membership]:
    conversation_id, user_id, join, first, left, role, muted, addressed_before, read, received = row
    return conversation_id, Membership(user_id, join, first, left, Role(role), muted, read, received, addressed_before)


def _raise(connection: sqlite3.Connection, mark: Mark) -> tuple[Mark, bool]:
    before = connection.execute(SELECT + "WHERE c.id = ? AND u.id = ?", (mark.conversation_id, mark.user_id)).fetchone()
    if before is None:
        return mark, False
    values = (mark.read_seq, mark.read_seq, mark.received_seq, mark.user_id, mark.conversation_id)
    read, received = connection.execute(RAISE, values).fetchone()
    now = Mark(mark.conversation_id, mark.user_id, Seq(read), Seq(received))
    return now, (read, received) != tuple(before[-2:])


def _count(connection: sqlite3.Connection, user_id: UserId, ask: UnreadAsk, limit: int) -> Unread:
    values = {
        "conversation": ask.conversation_id,
        "after": ask.after,
        "last": ask.last,
        "post": int(EntryKind.POST),
        "user": user_id,
        "limit": limit,
        "everyone": EVERYONE,
        "without": json.dumps(sorted(ask.without)),
    }
    posts, mentions = connection.execute(COUNT, values).fetchone()
    return Unread(posts, mentions)
