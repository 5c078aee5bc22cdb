"""`svc_user.domain.live.LiveSettingsStore` on SQLite."""

import sqlite3
from typing import Final

from mesh.infrastructure.sqlite import Database
from mesh.live import LiveSettings
from svc_user.domain.ports import Stale
from svc_user.infrastructure import live_document

SCHEMA: Final = "CREATE TABLE live_settings (version INTEGER PRIMARY KEY, document TEXT NOT NULL)"
"""A migration step. The latest version holds; some earlier ones stay, to look at."""

KEPT: Final = 20


class SqliteLiveSettings:
    """A row for each version."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def latest(self) -> LiveSettings:
        """See the port."""
        sql = "SELECT version, document FROM live_settings ORDER BY version DESC LIMIT 1"
        row = await self._database.read(lambda connection: connection.execute(sql).fetchone())
        return live_document.decode(*row) if row else LiveSettings()

    async def version(self) -> int:
        """See the port."""
        sql = "SELECT coalesce(max(version), 0) FROM live_settings"
        row = await self._database.read(lambda connection: connection.execute(sql).fetchone())
        return int(row[0])

    async def keep(self, settings: LiveSettings) -> None:
        """See the port."""
        values = (settings.version, live_document.encode(settings))

        def work(connection: sqlite3.Connection) -> None:
            try:
                connection.execute("INSERT INTO live_settings VALUES (?, ?)", values)
            except sqlite3.IntegrityError as error:
                raise Stale from error
            connection.execute("DELETE FROM live_settings WHERE version <= ?", (settings.version - KEPT,))

        await self._database.write(work)
