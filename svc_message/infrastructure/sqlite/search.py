"""`svc_message.domain.posts.search.SearchIndex` on SQLite: a full-text table beside the entries, one row an entry.

A row has the key of its entry. Words come as they are kept, so the tokenizer has nothing to do but to part them at
spaces: `ascii` takes all that is not ASCII for a letter. The conversation is a word of its own column, so that a
common word does not make all conversations of the store be looked through. Triggers take the row of a recalled or
removed entry away; a post that is inserted has no trigger.
"""

import sqlite3
from collections.abc import Collection, Sequence
from typing import Final

from mesh.infrastructure.sqlite import Database
from mesh.infrastructure.sqlite_lists import chunks, marks
from svc_message.domain.conversation import ConversationId, Seq
from svc_message.domain.posts.search import Hit, Lookup, Text

TABLES: Final = """
    CREATE VIRTUAL TABLE search USING fts5 (place, words, tokenize = 'ascii', detail = 'column', columnsize = 0);
    CREATE TABLE searched (conversation INTEGER PRIMARY KEY, seq INTEGER NOT NULL);
    CREATE TRIGGER search_recalled AFTER UPDATE OF kind ON entry WHEN new.kind = 30 BEGIN
        DELETE FROM search WHERE rowid = old.rowid;
    END;
    CREATE TRIGGER search_removed AFTER DELETE ON entry BEGIN
        DELETE FROM search WHERE rowid = old.rowid;
    END
"""

ANEW: Final = """
    DROP TABLE search;
    CREATE VIRTUAL TABLE search USING fts5 (place, words, tokenize = 'ascii', detail = 'column', columnsize = 0);
    DELETE FROM searched
"""
"""Accents do not matter any more: the next search takes all texts in again."""

ROW: Final = "SELECT rowid FROM entry WHERE conversation = ? AND seq = ? AND kind IN (1, 2)"
"""A recalled one is no post and no edit any more."""

REACHED: Final = """
    INSERT INTO searched VALUES (?, ?) ON CONFLICT DO UPDATE SET seq = max(seq, excluded.seq)
"""

FIND: Final = """
    SELECT c.id, e.seq, s.rowid FROM search s
    JOIN entry e ON e.rowid = s.rowid JOIN conversation c ON c.key = e.conversation
    JOIN party p ON p.key = e.sender
    WHERE search MATCH ? AND s.rowid < ? AND (? = '' OR p.id = ?) ORDER BY s.rowid DESC LIMIT ?
"""

END: Final = 2**63 - 1


class SqliteSearchIndex:
    """The index in one table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def reached(self, ids: Collection[ConversationId]) -> dict[ConversationId, Seq]:
        """See the port."""
        found = await self._database.read(lambda connection: _reached(connection, ids))
        return {id_: found.get(id_, Seq(0)) for id_ in ids}

    async def add(self, conversation_id: ConversationId, texts: Sequence[Text], reached: Seq) -> None:
        """See the port."""
        await self._database.write(lambda connection: _add(connection, conversation_id, texts, reached))

    async def find(self, lookup: Lookup, limit: int) -> list[Hit]:
        """See the port."""
        return await self._database.read(lambda connection: _find(connection, lookup, limit))


def _keys(connection: sqlite3.Connection, ids: Collection[ConversationId]) -> list[int]:
    keys: list[int] = []
    for some in chunks(ids):
        sql = f"SELECT key FROM conversation WHERE id IN ({marks(some)})"  # noqa: S608 - question marks only
        keys += [key for (key,) in connection.execute(sql, some)]
    return keys


def _reached(connection: sqlite3.Connection, ids: Collection[ConversationId]) -> dict[ConversationId, Seq]:
    found: dict[ConversationId, Seq] = {}
    for some in chunks(ids):
        sql = f"SELECT id, seq FROM searched JOIN conversation ON key = conversation WHERE id IN ({marks(some)})"  # noqa: S608 - question marks only
        found.update(connection.execute(sql, some))
    return found


def _add(connection: sqlite3.Connection, conversation_id: ConversationId, texts: Sequence[Text], reached: Seq) -> None:
    for key in _keys(connection, (conversation_id,)):
        for text in texts:
            for (row,) in connection.execute(ROW, (key, text.seq)).fetchall():
                connection.execute("DELETE FROM search WHERE rowid = ?", (row,))
                values = (row, f"c{key}", " ".join(text.words))
                connection.execute("INSERT INTO search (rowid, place, words) VALUES (?, ?, ?)", values)
        connection.execute(REACHED, (key, reached))


def _find(connection: sqlite3.Connection, lookup: Lookup, limit: int) -> list[Hit]:
    keys = _keys(connection, lookup.ids)
    if not keys or not lookup.words:
        return []
    behind = int(lookup.behind) if lookup.behind.isdecimal() and len(lookup.behind) < len(str(END)) else END
    behind = 0 if lookup.behind and behind == END else behind
    values = (_match(keys, lookup.words), behind, lookup.sender_id, lookup.sender_id, limit)
    return [Hit(id_, Seq(seq), str(row)) for id_, seq, row in connection.execute(FIND, values)]


def _match(keys: Sequence[int], words: Sequence[str]) -> str:
    """An expression of FTS5: every word is in quotes, so none is syntax."""
    wanted = " AND ".join('"' + word.replace('"', '""') + '"*' for word in words)
    return f"place : ({' OR '.join(f'c{key}' for key in keys)}) AND words : ({wanted})"
