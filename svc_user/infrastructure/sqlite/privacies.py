"""`svc_user.domain.ports.Privacies` on SQLite."""

import sqlite3
from collections.abc import Sequence
from typing import Final

from mesh.infrastructure.sqlite import Database
from mesh.infrastructure.sqlite_outbox import owe
from svc_user.domain.account import UserId
from svc_user.domain.notice import Notice
from svc_user.domain.ports import Stale
from svc_user.domain.privacy import Privacy
from svc_user.infrastructure.sqlite.accounts import Encode, encoded

UPDATE: Final = "UPDATE account SET privacy = ? WHERE user_id = ? AND privacy = ?"


class SqlitePrivacies:
    """The settings in a column of the account."""

    def __init__(self, database: Database, encode: Encode) -> None:
        self._database = database
        self._encode = encode

    async def change(self, user_id: UserId, before: Privacy, after: Privacy, notices: Sequence[Notice]) -> None:
        """See the port."""
        values = (encoded(after), user_id, encoded(before))

        def work(connection: sqlite3.Connection) -> None:
            if connection.execute(UPDATE, values).rowcount != 1:
                raise Stale
            owe(connection, map(self._encode, notices))

        await self._database.write(work)
