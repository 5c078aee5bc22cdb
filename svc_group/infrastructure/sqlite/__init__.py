"""The store of groups in one SQLite file."""

from sqlite3 import Connection
from typing import Final

from mesh.infrastructure import sqlite_outbox

SCHEMA: Final = (
    """
    CREATE TABLE team (
        id TEXT PRIMARY KEY, settings TEXT NOT NULL, owner_id TEXT NOT NULL, member_count INTEGER NOT NULL,
        created_at_ms INTEGER NOT NULL, version INTEGER NOT NULL, state INTEGER NOT NULL,
        announcement TEXT NOT NULL, announcement_count INTEGER NOT NULL, change INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE member (
        group_id TEXT NOT NULL, user_id TEXT NOT NULL, rank INTEGER NOT NULL, joined_at_ms INTEGER NOT NULL,
        display_name TEXT NOT NULL, nickname TEXT NOT NULL, remark TEXT NOT NULL, inviter_id TEXT NOT NULL,
        muted_until_ms INTEGER NOT NULL, acknowledged INTEGER NOT NULL, version INTEGER NOT NULL,
        ended INTEGER NOT NULL, folded TEXT NOT NULL, change INTEGER NOT NULL, PRIMARY KEY (group_id, user_id)
    ) WITHOUT ROWID;
    CREATE INDEX member_listed ON member (group_id, ended, rank, joined_at_ms, user_id);
    CREATE INDEX member_of_user ON member (user_id, ended);
    CREATE TABLE join_request (
        group_id TEXT NOT NULL, user_id TEXT NOT NULL, state INTEGER NOT NULL, created_at_ms INTEGER NOT NULL,
        inviter_id TEXT NOT NULL, answer TEXT NOT NULL, decided_by TEXT NOT NULL, decided_at_ms INTEGER NOT NULL,
        PRIMARY KEY (group_id, user_id)
    ) WITHOUT ROWID;
    CREATE INDEX join_request_of_user ON join_request (user_id, created_at_ms);
    CREATE TABLE link (
        id TEXT PRIMARY KEY, group_id TEXT NOT NULL, token TEXT NOT NULL UNIQUE, creator_id TEXT NOT NULL,
        created_at_ms INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL, max_uses INTEGER NOT NULL,
        use_count INTEGER NOT NULL, needs_approval INTEGER NOT NULL, revoked_at_ms INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX link_of_group ON link (group_id, id);
    CREATE TABLE remembered (
        user_id TEXT NOT NULL, request_id TEXT NOT NULL, fingerprint TEXT NOT NULL, answer TEXT NOT NULL,
        at_ms INTEGER NOT NULL, PRIMARY KEY (user_id, request_id)
    ) WITHOUT ROWID;
    CREATE INDEX remembered_at ON remembered (at_ms);
    CREATE TABLE newest (change INTEGER NOT NULL);
    INSERT INTO newest VALUES (0)
    """,
    sqlite_outbox.SCHEMA,
    """
    CREATE TABLE ban (
        group_id TEXT NOT NULL, user_id TEXT NOT NULL, banned_by TEXT NOT NULL, created_at_ms INTEGER NOT NULL,
        expires_at_ms INTEGER NOT NULL, reason TEXT NOT NULL, lifted INTEGER NOT NULL, PRIMARY KEY (group_id, user_id)
    ) WITHOUT ROWID;
    CREATE INDEX ban_of_group ON ban (group_id, lifted, created_at_ms, user_id)
    """,
    "ALTER TABLE team ADD COLUMN limits TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE member ADD COLUMN bot INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX join_request_made ON join_request (created_at_ms)",
)
"""`team` is a group (GROUP is a word of SQL). `change` orders all changes of the file; `newest` is the latest."""

__all__ = ["SCHEMA", "Connection"]
