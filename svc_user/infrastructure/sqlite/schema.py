"""Tables of the user service."""

from typing import Final

from mesh.infrastructure import sqlite_outbox
from svc_user.infrastructure.sqlite import audit, bots, live, oversight

SCHEMA: Final = (
    sqlite_outbox.SCHEMA,
    """
    CREATE TABLE account (
        user_id TEXT PRIMARY KEY,
        username TEXT NOT NULL UNIQUE,
        password_hash TEXT NOT NULL,
        kind INTEGER NOT NULL,
        state INTEGER NOT NULL,
        created_at_ms INTEGER NOT NULL,
        version INTEGER NOT NULL,
        display_name TEXT NOT NULL,
        avatar_media_id TEXT NOT NULL,
        bio TEXT NOT NULL,
        birthday TEXT NOT NULL,
        locale TEXT NOT NULL,
        region TEXT NOT NULL,
        pronouns TEXT NOT NULL
    ) WITHOUT ROWID;

    CREATE TABLE registration (
        request_id TEXT PRIMARY KEY,
        fingerprint BLOB NOT NULL,
        user_id TEXT NOT NULL,
        created_at_ms INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX registration_age ON registration (created_at_ms);

    CREATE TABLE device (device_id TEXT PRIMARY KEY, user_id TEXT NOT NULL) WITHOUT ROWID;

    CREATE TABLE session (
        session_id TEXT PRIMARY KEY,
        user_id TEXT NOT NULL,
        device_id TEXT NOT NULL,
        platform INTEGER NOT NULL,
        name TEXT NOT NULL,
        model TEXT NOT NULL,
        app_version TEXT NOT NULL,
        os_version TEXT NOT NULL,
        created_at_ms INTEGER NOT NULL,
        last_seen_at_ms INTEGER NOT NULL,
        last_address TEXT NOT NULL,
        expires_at_ms INTEGER NOT NULL,
        refresh_hash BLOB NOT NULL,
        request_key BLOB NOT NULL,
        generation INTEGER NOT NULL,
        rotated_at_ms INTEGER NOT NULL,
        ended_at_ms INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX session_of ON session (user_id, ended_at_ms);
    CREATE INDEX session_ended ON session (ended_at_ms) WHERE ended_at_ms > 0;
    CREATE UNIQUE INDEX session_device ON session (device_id) WHERE ended_at_ms = 0;
    CREATE UNIQUE INDEX session_request ON session (user_id, request_key) WHERE ended_at_ms = 0;

    CREATE TABLE pair (id TEXT PRIMARY KEY, revision INTEGER NOT NULL) WITHOUT ROWID;

    CREATE TABLE side (
        owner_id TEXT NOT NULL,
        other_id TEXT NOT NULL,
        standing INTEGER NOT NULL,
        remark TEXT NOT NULL,
        tags TEXT NOT NULL,
        starred INTEGER NOT NULL,
        since_ms INTEGER NOT NULL,
        version INTEGER NOT NULL,
        blocked_at_ms INTEGER NOT NULL,
        PRIMARY KEY (owner_id, other_id)
    ) WITHOUT ROWID;
    CREATE INDEX side_version ON side (owner_id, version) WHERE standing > 0;
    CREATE INDEX side_blocked ON side (owner_id, blocked_at_ms, other_id) WHERE blocked_at_ms > 0;

    CREATE TABLE friend_list (
        owner_id TEXT PRIMARY KEY,
        version INTEGER NOT NULL,
        friends INTEGER NOT NULL
    ) WITHOUT ROWID;

    CREATE TABLE friend_request (
        request_id TEXT PRIMARY KEY,
        sender_id TEXT NOT NULL,
        receiver_id TEXT NOT NULL,
        greeting TEXT NOT NULL,
        remark TEXT NOT NULL,
        created_at_ms INTEGER NOT NULL,
        state INTEGER NOT NULL,
        silent INTEGER NOT NULL,
        answered_at_ms INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX friend_request_sent ON friend_request (sender_id, request_id);
    CREATE INDEX friend_request_received ON friend_request (receiver_id, request_id);
    CREATE INDEX friend_request_pair ON friend_request (sender_id, receiver_id, request_id)
    """,
    """
    ALTER TABLE account ADD COLUMN privacy TEXT NOT NULL DEFAULT '{}';

    ALTER TABLE session ADD COLUMN ended_why INTEGER NOT NULL DEFAULT 0;

    CREATE TABLE push_target (
        session_id TEXT PRIMARY KEY,
        user_id TEXT NOT NULL,
        device_id TEXT NOT NULL,
        provider INTEGER NOT NULL,
        token TEXT NOT NULL,
        app_id TEXT NOT NULL,
        set_at_ms INTEGER NOT NULL,
        UNIQUE (provider, token)
    ) WITHOUT ROWID;
    CREATE INDEX push_target_of ON push_target (user_id, set_at_ms)
    """,
    bots.SCHEMA,
    """
    CREATE TABLE deletion (user_id TEXT PRIMARY KEY, at_ms INTEGER NOT NULL) WITHOUT ROWID
    """,
    oversight.SCHEMA,
    audit.SCHEMA,
    live.SCHEMA,
)
"""Migration steps. Times are Unix milliseconds, 0 for "not yet"; `tags` is a JSON list of strings, `privacy` a JSON
object of what differs from the defaults."""
