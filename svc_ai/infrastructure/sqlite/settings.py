"""How assistants behave, in SQLite."""

import json
import sqlite3
from typing import Final

from mesh.infrastructure.sqlite import Database
from svc_ai.domain.settings import AssistantSettings, ReplyMode

STEP: Final = """
    CREATE TABLE settings (
        assistant_id TEXT NOT NULL,
        conversation_id TEXT NOT NULL,
        version INTEGER NOT NULL,
        reply_mode INTEGER NOT NULL,
        instructions TEXT NOT NULL,
        model TEXT NOT NULL,
        temperature REAL,
        max_output_tokens INTEGER NOT NULL,
        context_messages INTEGER NOT NULL,
        tools TEXT NOT NULL,
        PRIMARY KEY (assistant_id, conversation_id)
    ) WITHOUT ROWID
    """
"""`tools` is a JSON list."""

_LOAD: Final = (
    "SELECT reply_mode, instructions, model, temperature, max_output_tokens, context_messages, tools, version "
    "FROM settings WHERE assistant_id = ? AND conversation_id = ?"
)
_INSERT: Final = "INSERT OR IGNORE INTO settings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_UPDATE: Final = """
    UPDATE settings SET version = ?3, reply_mode = ?4, instructions = ?5, model = ?6, temperature = ?7,
        max_output_tokens = ?8, context_messages = ?9, tools = ?10
    WHERE assistant_id = ?1 AND conversation_id = ?2 AND version = ?3 - 1
"""


class SqliteSettings:
    """`svc_ai.domain.settings.SettingsStore`: a row for each assistant and conversation where something was changed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, assistant_id: str, conversation_id: str) -> AssistantSettings:
        """See the port."""

        def work(connection: sqlite3.Connection) -> AssistantSettings:
            row = connection.execute(_LOAD, (assistant_id, conversation_id)).fetchone()
            if row is None:
                return AssistantSettings()
            mode, instructions, model, temperature, length, messages, tools, version = row
            words = (ReplyMode(mode), instructions, model, temperature)
            return AssistantSettings(*words, length, messages, tuple(json.loads(tools)), version)

        return await self._database.read(work)

    async def save(self, assistant_id: str, conversation_id: str, settings: AssistantSettings) -> bool:
        """See the port."""
        numbers = (settings.max_output_tokens, settings.context_messages, json.dumps(settings.tools))
        words = (settings.reply_mode, settings.instructions, settings.model, settings.temperature)
        row = (assistant_id, conversation_id, settings.version, *words, *numbers)

        def work(connection: sqlite3.Connection) -> bool:
            statement = _INSERT if settings.version == 1 else _UPDATE
            return connection.execute(statement, row).rowcount > 0

        return await self._database.write(work)
