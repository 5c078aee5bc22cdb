"""`svc_message.domain.media.estate.Traces` on SQLite."""

from typing import Final

from mesh.infrastructure.sqlite import Database
from svc_message.domain.conversation import ConversationId, UserId
from svc_message.domain.entry import Stored
from svc_message.domain.media.estate import SHOWING
from svc_message.infrastructure.sqlite.log import SELECT, stored_of
from svc_message.infrastructure.sqlite.runs import MAX_SEQ

OTHERS: Final = """
    SELECT 1 FROM member m WHERE m.conversation = (SELECT key FROM conversation WHERE id = ?)
        AND m.user <> (SELECT key FROM party WHERE id = ?) LIMIT 1
"""
WRITTEN: Final = """WHERE e.conversation = (SELECT key FROM conversation WHERE id = ?) AND e.seq BETWEEN ? AND ?
    AND e.sender = (SELECT key FROM party WHERE id = ?) AND e.kind IN (?, ?, ?) ORDER BY e.seq"""


class SqliteTraces:
    """What users left in the one table of entries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def shared(self, conversation_id: ConversationId, user_id: UserId) -> bool:
        """See the port."""
        values = (conversation_id, user_id)
        found = await self._database.read(lambda connection: connection.execute(OTHERS, values).fetchone())
        return found is not None

    async def written(self, conversation_id: ConversationId, user_id: UserId, first: int, last: int) -> list[Stored]:
        """See the port."""
        values = (conversation_id, first, min(last, MAX_SEQ), user_id, *map(int, SHOWING))
        rows = await self._database.read(lambda connection: connection.execute(SELECT + WRITTEN, values).fetchall())
        return [stored_of(row) for row in rows]
