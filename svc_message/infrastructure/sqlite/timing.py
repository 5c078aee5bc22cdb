"""`svc_message.domain.timing.retention.Retentions` and `svc_message.domain.timing.expiry.Expiries` on SQLite."""

import sqlite3
from collections.abc import Collection, Sequence
from typing import Final

from mesh.infrastructure.sqlite import Database
from mesh.infrastructure.sqlite_lists import chunks, marks
from svc_message.domain.conversation import ConversationId, Seq
from svc_message.domain.entry import EntryKind
from svc_message.domain.timing.expiry import Expiring
from svc_message.domain.timing.retention import DAY_MS, Kept

DUE: Final = """
    SELECT id, retention_days FROM conversation
    WHERE retention_days > 0 AND retention_since_ms <= ? - retention_days * ? AND id > ? ORDER BY id LIMIT ?
"""

CUT: Final = (
    "UPDATE entry SET kind = :kind, target = 0, body = :body WHERE conversation = :conversation AND seq = :seq",
    "UPDATE conversation SET cut_seq = max(cut_seq, :seq) WHERE key = :conversation",
    "DELETE FROM entry WHERE conversation = :conversation AND seq < :seq",
    "DELETE FROM mention WHERE conversation = :conversation AND seq <= :seq",
    "DELETE FROM expiring WHERE conversation = :conversation AND seq <= :seq",
)

WAITING: Final = """
    SELECT conversation, seq FROM expiring WHERE due_at_ms = 0 AND (conversation, seq) > (?, ?)
    ORDER BY conversation, seq LIMIT ?
"""

BEGIN: Final = """
    UPDATE expiring SET due_at_ms = :now + after_ms
    WHERE due_at_ms = 0 AND (conversation, seq) > (:conversation, :seq) AND (conversation, seq) <= (:to, :last)
        AND EXISTS (
            SELECT 1 FROM member m WHERE m.conversation = expiring.conversation AND m.user <> expiring.sender
                AND m.read_seq >= expiring.seq)
"""

OVER: Final = """
    SELECT c.id, x.seq FROM expiring x JOIN conversation c ON c.key = x.conversation
    WHERE x.due_at_ms BETWEEN 1 AND ? ORDER BY x.due_at_ms LIMIT ?
"""

NEXT: Final = "SELECT min(due_at_ms) FROM expiring WHERE due_at_ms > 0"


class SqliteRetentions:
    """Fields of the conversation."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def days(self, ids: Collection[ConversationId]) -> dict[ConversationId, int]:
        """See the port."""
        return await self._database.read(lambda connection: _days(connection, ids))

    async def due(self, now_ms: int, after: str, limit: int) -> list[Kept]:
        """See the port."""
        values = (now_ms, DAY_MS, after, limit)
        rows = await self._database.read(lambda connection: connection.execute(DUE, values).fetchall())
        return [Kept(ConversationId(id_), days) for id_, days in rows]

    async def cut(self, conversation_id: ConversationId, seq: Seq, entry: bytes) -> None:
        """See the port."""
        await self._database.write(lambda connection: _cut(connection, conversation_id, seq, entry))


class SqliteExpiries:
    """One row for each post that is to go."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, now_ms: int, after: str, limit: int) -> str:
        """See the port."""
        first = _place(after)
        waiting = await self._database.read(lambda connection: connection.execute(WAITING, (*first, limit)).fetchall())
        if not waiting:
            return ""
        values = {
            "now": now_ms,
            "conversation": first[0],
            "seq": first[1],
            "to": waiting[-1][0],
            "last": waiting[-1][1],
        }
        await self._database.write(lambda connection: connection.execute(BEGIN, values).rowcount)
        return f"{waiting[-1][0]}/{waiting[-1][1]}" if len(waiting) == limit else ""

    async def due(self, now_ms: int, limit: int) -> list[Expiring]:
        """See the port."""
        rows = await self._database.read(lambda connection: connection.execute(OVER, (now_ms, limit)).fetchall())
        return [Expiring(ConversationId(id_), Seq(seq)) for id_, seq in rows]

    async def next_due(self) -> int | None:
        """See the port."""
        return await self._database.read(lambda connection: connection.execute(NEXT).fetchone()[0])

    async def done(self, gone: Sequence[Expiring]) -> None:
        """See the port."""
        sql = "DELETE FROM expiring WHERE conversation = (SELECT key FROM conversation WHERE id = ?) AND seq = ?"
        await self._database.write(lambda connection: connection.executemany(sql, gone).rowcount)


def _cut(connection: sqlite3.Connection, conversation_id: ConversationId, seq: Seq, entry: bytes) -> None:
    key = connection.execute("SELECT key FROM conversation WHERE id = ?", (conversation_id,)).fetchone()
    for statement in CUT if key else ():
        connection.execute(statement, {"conversation": key[0], "seq": seq, "body": entry, "kind": int(EntryKind.CUT)})


def _place(after: str) -> tuple[int, int]:
    conversation, _, seq = after.partition("/")
    return int(conversation or 0), int(seq or 0)


def _days(connection: sqlite3.Connection, ids: Collection[ConversationId]) -> dict[ConversationId, int]:
    found: dict[ConversationId, int] = {}
    for some in chunks(ids):
        sql = f"SELECT id, retention_days FROM conversation WHERE retention_days > 0 AND id IN ({marks(some)})"  # noqa: S608 - question marks only
        found.update({ConversationId(id_): days for id_, days in connection.execute(sql, some)})
    return found
