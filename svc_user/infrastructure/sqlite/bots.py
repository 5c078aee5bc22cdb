"""`svc_user.domain.bot.Bots` on SQLite."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import astuple
from typing import Any, Final

from mesh.infrastructure.sqlite import Database
from svc_user.domain.account import UserId
from svc_user.domain.bot import Bot, BotToken
from svc_user.domain.session import SessionId

SCHEMA: Final = """
    CREATE TABLE bot (
        bot_id TEXT PRIMARY KEY,
        owner_id TEXT NOT NULL,
        created_at_ms INTEGER NOT NULL,
        tokens TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX bot_of ON bot (owner_id, created_at_ms, bot_id)
"""
"""`tokens` is a JSON list of what is known of each: none of it is a secret."""


class SqliteBots:
    """All bots in one table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_owner(self, owner_id: UserId) -> list[Bot]:
        """See the port."""
        return await self._database.read(lambda connection: _owned(connection, owner_id))

    async def get(self, bot_id: UserId) -> Bot | None:
        """See the port."""
        sql = "SELECT * FROM bot WHERE bot_id = ?"
        row = await self._database.read(lambda connection: connection.execute(sql, (bot_id,)).fetchone())
        return _bot(row) if row else None

    async def after(self, bot_id: str, limit: int) -> list[UserId]:
        """See the port."""
        sql = "SELECT bot_id FROM bot WHERE bot_id > ? ORDER BY bot_id LIMIT ?"
        rows = await self._database.read(lambda connection: connection.execute(sql, (bot_id, limit)).fetchall())
        return [UserId(found) for (found,) in rows]

    async def change(self, owner_id: UserId, decide: Callable[[Sequence[Bot]], Sequence[Bot]]) -> None:
        """See the port."""

        def work(connection: sqlite3.Connection) -> None:
            after = decide(_owned(connection, owner_id))
            connection.execute("DELETE FROM bot WHERE owner_id = ?", (owner_id,))
            connection.executemany("INSERT INTO bot VALUES (?, ?, ?, ?)", map(_row, after))

        await self._database.write(work)


def _owned(connection: sqlite3.Connection, owner_id: UserId) -> list[Bot]:
    sql = "SELECT * FROM bot WHERE owner_id = ? ORDER BY created_at_ms, bot_id"
    return [_bot(row) for row in connection.execute(sql, (owner_id,))]


def _row(bot: Bot) -> tuple[Any, ...]:
    return bot.bot_id, bot.owner_id, bot.created_at_ms, json.dumps([astuple(token) for token in bot.tokens])


def _bot(row: tuple[Any, ...]) -> Bot:
    bot_id, owner_id, created_at_ms, tokens = row
    return Bot(bot_id, owner_id, created_at_ms, tuple(_token(*one) for one in json.loads(tokens)))


def _token(token_id: str, name: str, scopes: list[int], created_at_ms: int) -> BotToken:
    return BotToken(SessionId(token_id), name, tuple(scopes), created_at_ms)
